"""Login by OpenID Connect, as with the city's or the civil servants' single sign-on: the table [oidc] of sites.toml."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hotspot.entry.fields import Entry, Id, Name, Seconds, Secret, Url

from .look import refuse_probe

STARTED: Final = 900
"""Seconds in which somebody who was sent to the provider must be back."""


def _issuer(url: str) -> str:
    if url.startswith("http:") and re.match(r"http://(127\.|\[::1\]|localhost[:/])", f"{url}/") is None:
        raise ValueError("an issuer is an https URL (OpenID Connect Core 1.0 section 2)")
    if "?" in url or "#" in url:
        raise ValueError("an issuer has no query and no fragment")
    return url


def _scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in scopes:
        raise ValueError('the scope "openid" is missing; without it there is no ID token')
    return scopes


Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,64}$")]
Domain = Annotated[str, Field(pattern=r"^[a-z0-9.-]{3,253}$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")]


class OidcSection(Entry):
    issuer: Annotated[Url, AfterValidator(_issuer)]
    title: Name
    """What the button says after "Log in with"."""
    client_id: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
    secret: Secret | None = None
    """What the provider gave with client_id; nothing where it takes PKCE alone."""
    scopes: Annotated[tuple[Scope, ...], AfterValidator(_scopes)] = ("openid",)
    person: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:./-]{1,128}$")] = "sub"
    """The claim of the ID token that stays the same for one person and is nobody else's."""
    domains: tuple[Domain, ...] = ()
    """Whose verified e-mail address is in one of these may log in; anybody where there are none."""
    groups_claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:./-]{1,128}$")] = "groups"
    groups: dict[str, Id] = Field(default_factory=dict)
    """Plans by group: whoever is in none of them may not log in. Without any everybody has the site's plan."""
    hosts: tuple[Host, ...] = ()
    """Where the provider's login pages and what they load come from: open before a login."""

    bootstrap: Annotated[Seconds, Field(ge=60, le=STARTED)] | None = None
    """For how long a phone is let in so that a real browser can log in; without it through the open hosts alone."""

    @model_validator(mode="after")
    def _can_be_opened(self) -> "OidcSection":
        try:
            for host in self.garden:
                refuse_probe(host)
        except ValueError as error:
            raise ValueError(f"{error}; with bootstrap nothing needs to be open") from error
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a form of ours may lead: the issuer and its other hosts."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}", *(f"https://{host}" for host in self.hosts)

    @property
    def garden(self) -> tuple[str, ...]:
        """The hosts that gateways open before a login: none where a short grant opens them all."""
        if self.bootstrap is not None:
            return ()
        return tuple(dict.fromkeys((urlsplit(self.issuer).hostname or "", *self.hosts)))
