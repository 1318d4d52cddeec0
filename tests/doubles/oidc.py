"""A stand-in for an OpenID provider, on loopback: NOT a city's, nor any product's, single sign-on.

Its protocol is Authlib's own server: discovery, authorization code with PKCE required, one use of a code, client
authentication, ID tokens signed with RS256. Whoever asks is logged in as `claims` says, without a page. `lie` changes
what an ID token says, as a false or broken provider would.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

CLIENT = "wifi"
SECRET = "a-secret-of-32-characters-at-all"


class _Client:
    client_id, client_secret = CLIENT, SECRET

    def __init__(self, redirect_uris: list[str]):
        self._redirect_uris = redirect_uris

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self._redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self._redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class _Code:
    code: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    at: float = field(default_factory=time.time)

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(self.at)

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass
class OidcProviderDouble:
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1"})
    lie: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    foreign_key: bool = False
    """Signs with a key that it does not tell."""
    redirect_uris: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    """The queries of its login page."""
    codes: dict[str, _Code] = field(default_factory=dict)
    exchanged: list[int] = field(default_factory=list)
    """The status of every answer of its token endpoint."""
    deny: bool = False

    def __enter__(self) -> Self:
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
        self._false_key = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        self._resources = ExitStack()
        for close in (thread.join, self._server.server_close, self._server.shutdown):
            self._resources.callback(close)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        os.environ.pop("AUTHLIB_INSECURE_TRANSPORT", None)

    def _app(self) -> Flask:
        app = Flask("oidc double")
        server = AuthorizationServer(
            app, query_client=lambda _: _Client(self.redirect_uris), save_token=lambda _token, _request: None
        )
        server.register_grant(self._grant(), [self._openid(), CodeChallenge(required=True)])

        @app.get("/.well-known/openid-configuration")
        def discovery() -> Response:
            return jsonify(
                issuer=self.issuer,
                authorization_endpoint=f"{self.issuer}/authorize",
                token_endpoint=f"{self.issuer}/token",
                jwks_uri=f"{self.issuer}/jwks",
                response_types_supported=["code"],
                subject_types_supported=["public"],
                id_token_signing_alg_values_supported=["RS256"],
                token_endpoint_auth_methods_supported=["client_secret_basic"],
            )

        @app.get("/jwks")
        def jwks() -> Response:
            return jsonify(KeySet([self.key]).as_dict(private=False))

        @app.get("/authorize")
        def authorize() -> Any:
            self.asked.append(request.args.to_dict())
            grant = server.get_consent_grant(end_user="someone")
            return server.create_authorization_response(grant_user=None if self.deny else "someone", grant=grant)

        @app.post("/token")
        def token() -> Any:
            answer = server.create_token_response()
            self.exchanged.append(answer.status_code)
            return answer

        return app

    def _grant(self) -> type:
        double = self

        class Grant(AuthorizationCodeGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

            def save_authorization_code(self, code: str, request: Any) -> None:
                payload = request.payload.data
                double.codes[code] = _Code(
                    code, request.payload.redirect_uri, request.payload.scope, payload.get("nonce", ""),
                    payload.get("code_challenge", ""), payload.get("code_challenge_method", ""),
                )  # fmt: skip

            def query_authorization_code(self, code: str, _client: Any) -> _Code | None:
                return double.codes.get(code)

            def delete_authorization_code(self, authorization_code: _Code) -> None:
                del double.codes[authorization_code.code]

            def authenticate_user(self, _authorization_code: _Code) -> str:
                return "someone"

        return Grant

    def _openid(self) -> OpenIDCode:
        double = self

        class OpenId(OpenIDCode):  # type: ignore[misc]
            def exists_nonce(self, _nonce: str, _request: Any) -> bool:
                return False

            def encode_id_token(self, _token: Any, request: Any) -> str:
                now = int(time.time())
                said = {
                    "iss": double.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "jti": secrets.token_hex(8),
                    "nonce": request.authorization_code.get_nonce(),
                    "auth_time": request.authorization_code.get_auth_time(), **double.claims,
                }  # fmt: skip
                said = double.lie(said) if double.lie else said
                key = double._false_key if double.foreign_key else double.key
                return jwt.encode({"alg": "RS256", "kid": "one"}, said, key)

        return OpenId(require_nonce=True)
