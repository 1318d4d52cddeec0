"""What a site's pages show beside the common form: colour, logo, a message, links to city services.

All of it stands in the one answer that a phone gets before its login, so everything has a size. A colour must be
readable: WCAG 2.2 asks 4.5:1 for text (1.4.3), and it carries white text and is itself text on the page's background.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from hotspot.entry.fields import Entry

Language = Literal["id", "en", "su", "jv"]
LANGUAGES: Final[tuple[Language, ...]] = ("id", "en", "su", "jv")
"""Indonesian, English, Sundanese, Javanese: what the portal speaks. Others fall back to the first."""

PAPER: Final = "#eef2f1"
"""The background of every page."""
READABLE: Final = 4.5
LARGEST_LOGO: Final = 896
"""Characters of a logo's data URL."""
MOST_LINKS: Final = 4

PROBES: Final = (
    "captive.apple.com",
    "connectivitycheck.android.com",
    "connectivitycheck.gstatic.com",
    "connectivity-check.ubuntu.com",
    "detectportal.firefox.com",
    "google.com",
    "gstatic.com",
    "googleapis.com",
    "msftconnecttest.com",
    "msftncsi.com",
    "nmcheck.gnome.org",
)
"""Hosts by which phones find out that they are held back; whoever can reach one of them is shown no login page."""


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast of two colours `#rrggbb`, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _colour(text: str) -> str:
    if re.fullmatch(r"#[0-9A-Fa-f]{6}", text) is None:
        raise ValueError(f"{text!r} is no colour; write it as '#0b5d4e'")
    found = contrast(text, PAPER)  # white text on it has more
    if found < READABLE:
        raise ValueError(
            f"{text} has a contrast of {found:.1f}:1 with the page, less than {READABLE}:1; take a darker one"
        )
    return text.lower()


def _logo(text: str) -> str:
    match = re.fullmatch(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,([A-Za-z0-9+/]+=*)", text)
    if match is None:
        raise ValueError("a logo is written as 'data:image/png;base64,…' (png, jpeg, gif, webp or svg+xml)")
    if len(text) > LARGEST_LOGO:
        raise ValueError(f"a logo has at most {LARGEST_LOGO} characters, this one {len(text)}; make it smaller")
    try:
        b64decode(match[2], validate=True)
    except Base64Error as error:
        raise ValueError(f"the logo's base64 cannot be read: {error}") from error
    return text


def _wording(value: object) -> object:
    return {LANGUAGES[0]: value} if isinstance(value, str) else value


def _has_first(value: dict[Language, str]) -> dict[Language, str]:
    if LANGUAGES[0] not in value:
        raise ValueError(f"the text in {LANGUAGES[0]} is missing; the other languages fall back to it")
    return value


def _host(text: str) -> str:
    name = text.lower()
    if re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", name) is None:
        raise ValueError(f"{text!r} is no host name; write it as 'layanan.example.go.id'")
    refuse_probe(name)
    return name


def refuse_probe(name: str) -> None:
    """ValueError for a host that must not be open before a login."""
    probe = next((probe for probe in PROBES if name == probe or name.endswith(f".{probe}")), None)
    if probe:
        raise ValueError(f"phones ask {probe} whether they are online: with it open, no login page appears")


def _link(text: str) -> str:
    if re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[!-~]*)?", text) is None:
        raise ValueError(f"{text!r} is no address of a page; write it as 'https://layanan.example.go.id/'")
    _host(urlsplit(text).hostname or "")
    return text


_Short = Annotated[str, Field(min_length=1, max_length=48, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Long = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Line = Annotated[dict[Language, _Short], BeforeValidator(_wording), AfterValidator(_has_first)]
"""A short text, in Indonesian alone or by language."""
Message = Annotated[dict[Language, _Long], BeforeValidator(_wording), AfterValidator(_has_first)]


def wording(texts: Mapping[Language, str], language: str) -> str:
    """The text of a language, or the Indonesian one."""
    found = {str(code): text for code, text in texts.items()}
    return found.get(language) or found[LANGUAGES[0]]


class Link(Entry):
    """A city service that opens before a login, as far as the gateway lets its hosts through."""

    title: Line
    url: Annotated[str, AfterValidator(_link)]
    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    """Hosts that its page needs beside its own."""

    @cached_property
    def garden(self) -> tuple[str, ...]:
        """Every host that must be reachable before a login."""
        return tuple(dict.fromkeys((urlsplit(self.url).hostname or "", *self.hosts)))


class Look(Entry):
    """The look of a city's pages, and of a site's where it differs."""

    title: Line | None = None
    """The page's heading."""
    colour: Annotated[str, AfterValidator(_colour)] = "#0b5d4e"
    logo: Annotated[str, AfterValidator(_logo)] | None = None
    message: Message | None = None
    links: Annotated[tuple[Link, ...], Field(max_length=MOST_LINKS)] = ()

    def with_(self, other: "Look | None") -> "Look":
        """This look with what another one sets."""
        if other is None:
            return self
        return self.model_copy(update={name: getattr(other, name) for name in other.model_fields_set})
