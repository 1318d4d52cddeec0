"""OpenID Connect as its relying party: authorization code flow with PKCE (RFC 7636, S256), state and nonce.

PKCE verifier and nonce are computed from a login's random id and keys of ours, so that nothing must be kept in a
browser. What a token must say is Authlib's and joserfc's to judge; what is fetched comes over `portal.peers.web`.
"""

import hashlib
import hmac
import threading
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from hotspot.city.oidc import OidcSection
from hotspot.errors import PeerError, RequestError
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from portal.peers import web
from portal.peers.patience import send_patiently

ALGORITHMS: Final = ["RS256", "PS256", "ES256"]
"""Signatures of ID tokens; never `none`, and nothing with a key that both sides have."""
_KEPT: Final = 3600
"""Seconds for which what a provider says of itself is believed."""
_FRESH: Final = 600
"""Seconds since an ID token was issued: it was for this login."""
LEEWAY: Final = 60
"""Seconds by which its clock may be off."""


@dataclass(frozen=True)
class Provider:
    """What a provider says of itself (OpenID Connect Discovery 1.0 section 3)."""

    authorization: str
    token: str
    jwks: str
    auth_methods: tuple[str, ...]
    names_itself: bool
    """Whether it says who it is in its answers (RFC 9207)."""


class Client:
    """The relying party. One for each process; what providers say of themselves is kept for an hour."""

    def __init__(self, settings: Settings, keys: Keys):
        self._settings = settings
        self._verifier_key = keys.derive("oidc pkce verifier")
        self._nonce_key = keys.derive("oidc nonce")
        self._lock = threading.Lock()
        self._providers: dict[str, tuple[int, Provider]] = {}
        self._key_sets: dict[str, tuple[int, KeySet]] = {}

    def provider(self, section: OidcSection, now: int) -> Provider:
        """PeerError where the provider is away or says something else than it must."""
        with self._lock:
            known = self._providers.get(section.issuer)
        if known is not None and known[0] > now - _KEPT:
            return known[1]
        found = _provider(section, _fetched(f"{section.issuer.rstrip('/')}/.well-known/openid-configuration"))
        with self._lock:
            self._providers[section.issuer] = (now, found)
        return found

    def sent_to(
        self,
        section: OidcSection,
        redirect_uri: str,
        login: str,
        state: str,
        lang: str,
        now: int,
        *,
        anew: bool = False,
    ) -> str:
        """Where a browser is sent to log in; `anew` even where the provider knows who sits there (OpenID Connect Core
        section 3.1.2.1), and it then tells when they last said so (`auth_time`)."""
        provider = self.provider(section, now)
        asked: dict[str, str] = {"prompt": "login", "max_age": "0"} if anew else {}
        uri: str = prepare_grant_uri(
            provider.authorization,
            section.client_id,
            "code",
            redirect_uri,
            " ".join(section.scopes),
            state,
            nonce=self._nonce(login),
            code_challenge=create_s256_code_challenge(self._verifier(login)),
            code_challenge_method="S256",
            ui_locales=lang,
            **asked,
        )
        return uri

    def claims(
        self, section: OidcSection, redirect_uri: str, login: str, answer: Mapping[str, str], now: int
    ) -> Mapping[str, Any]:
        """What the provider says of whoever came back with `answer`, the callback's query.

        RequestError("oidc-refused") where it let nobody in or cannot be believed; PeerError where it is away.
        """
        provider = self.provider(section, now)
        issuer = answer.get("iss")
        if (issuer is None and provider.names_itself) or issuer not in (None, section.issuer):
            raise RequestError("oidc-refused", "answer of another issuer")
        if "error" in answer or not answer.get("code"):
            raise RequestError("oidc-refused", "the provider let nobody in")
        tokens = self._exchange(section, provider, redirect_uri, login, answer["code"])
        try:
            return self._judged(section, provider, login, tokens, now)
        except (JoseError, ValueError) as error:
            raise RequestError("oidc-refused", f"ID token: {type(error).__name__} {error}"[:120]) from error

    def _exchange(
        self, section: OidcSection, provider: Provider, redirect_uri: str, login: str, code: str
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": self._verifier(login),
        }
        secret = self._settings.secret(section.secret).decode() if section.secret else ""
        basic = "client_secret_basic" in provider.auth_methods
        method = ("client_secret_basic" if basic else "client_secret_post") if secret else "none"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        _, headers, body = ClientAuth(section.client_id, secret, method).prepare(
            "POST", provider.token, headers, urlencode(form)
        )
        answer = send_patiently(web.Request("POST", provider.token, headers, body))
        if answer.status >= 500:
            raise PeerError(f"the OpenID provider answered {answer.status}")
        tokens = answer.json()
        if not answer.good or not isinstance(tokens, dict) or not isinstance(tokens.get("id_token"), str):
            raise RequestError("oidc-refused", "the provider takes the code not")
        return tokens

    def _judged(
        self, section: OidcSection, provider: Provider, login: str, tokens: Mapping[str, Any], now: int
    ) -> Mapping[str, Any]:
        try:
            token = jwt.decode(tokens["id_token"], self._keys(provider, now), algorithms=ALGORITHMS)
        except (JoseError, ValueError):  # perhaps it has changed its keys
            token = jwt.decode(tokens["id_token"], self._keys(provider, now, anew=True), algorithms=ALGORITHMS)
        claims = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": section.issuer},
                "aud": {"essential": True, "value": section.client_id},
            },
            {
                "nonce": self._nonce(login),
                "client_id": section.client_id,
                "access_token": tokens.get("access_token"),
            },
        )
        claims.validate(now=now, leeway=LEEWAY)
        if claims["iat"] < now - _FRESH - LEEWAY:
            raise ValueError("issued too long ago")
        return dict(claims)

    def _keys(self, provider: Provider, now: int, *, anew: bool = False) -> KeySet:
        with self._lock:
            known = self._key_sets.get(provider.jwks)
        if known is not None and known[0] > now - _KEPT and not anew:
            return known[1]
        keys = _fetched(provider.jwks)
        if not isinstance(keys, dict):
            raise PeerError("the OpenID provider's keys cannot be read")
        found = KeySet.import_key_set(cast("KeySetSerialization", keys))
        with self._lock:
            self._key_sets[provider.jwks] = (now, found)
        return found

    def _verifier(self, login: str) -> str:
        return _text(hmac.digest(self._verifier_key, login.encode(), hashlib.sha256))

    def _nonce(self, login: str) -> str:
        return _text(hmac.digest(self._nonce_key, login.encode(), hashlib.sha256))


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _fetched(url: str) -> Any:
    answer = send_patiently(web.Request("GET", url, {"Accept": "application/json"}))
    if not answer.good:
        raise PeerError(f"the OpenID provider answered {answer.status}")
    return answer.json()


def _provider(section: OidcSection, said: Any) -> Provider:
    if not isinstance(said, dict) or said.get("issuer") != section.issuer:
        raise PeerError("the OpenID provider calls itself otherwise than [oidc] issuer does")
    schemes = ("https://",) if section.issuer.startswith("https:") else ("http://", "https://")

    def url(name: str) -> str:
        found = said.get(name)
        if not isinstance(found, str) or not found.startswith(schemes):
            raise PeerError(f"the OpenID provider's {name} is missing or has no https")
        return found

    methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Provider(
        authorization=url("authorization_endpoint"),
        token=url("token_endpoint"),
        jwks=url("jwks_uri"),
        auth_methods=tuple(str(one) for one in methods) if isinstance(methods, list) else (),
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )


@dataclass(frozen=True)
class Admission:
    """Whom a provider vouches for, and the plan that this gives them; None is the site's."""

    subject: str
    plan: str | None


def admission(section: OidcSection, claims: Mapping[str, Any]) -> Admission:
    """RequestError("oidc-not-allowed") where [oidc] does not let this person in."""
    subject = claims.get(section.person)
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise RequestError("oidc-not-allowed", f"no claim {section.person}")
    if section.domains:
        _, _, domain = str(claims.get("email", "")).lower().rpartition("@")
        if claims.get("email_verified") is not True or domain not in section.domains:
            raise RequestError("oidc-not-allowed", "domain")
    if not section.groups:
        return Admission(subject, None)
    said = claims.get(section.groups_claim, [])
    several = said if isinstance(said, list) else [said]
    theirs = {one for one in several if isinstance(one, str)}
    plan = next((plan for group, plan in section.groups.items() if group in theirs), None)
    if plan is None:
        raise RequestError("oidc-not-allowed", "groups")
    return Admission(subject, plan)
