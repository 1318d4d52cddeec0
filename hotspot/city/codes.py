"""How one-time codes are sent, and how many: the table [codes] of sites.toml.

A message costs money and can be sent to anybody's number: whoever asks for codes in masses (SMS pumping) is stopped by
limits for each number and device (`hotspot.store.persons.challenges`), for each gateway, and by the city's own for an
hour, a day and in rupiah."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from hotspot.entry.fields import Entry, Secret, Url

PLACEHOLDERS = ("number", "digits", "text", "code", "secret")
"""What may stand in braces in a template: +6281…, 6281…, the whole message, the code alone, the secret."""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _template(value: Any) -> Any:
    for text in _texts(value):
        unknown = [name for name in re.findall(r"\{([^{}]*)\}", text) if name not in PLACEHOLDERS]
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"{{{unknown[0]}}} is no placeholder; there are {known}")
    return value


def _https(url: str) -> str:
    if url.startswith("http:") and re.match(r"http://(127\.|\[::1\]|localhost[:/])", f"{url}/") is None:
        raise ValueError("codes and numbers would travel in clear text; take https, or a program on this machine")
    return url


GatewayUrl = Annotated[Url, AfterValidator(_https)]


class SpoolSender(Entry):
    """Writes each message as a file that SMS Server Tools, or whatever watches the folder, sends."""

    kind: Literal["spool"]
    folder: Annotated[str, Field(pattern=r"^/.+$")] | None = None
    """Without it `spool` in the state folder."""


class HttpSender(Entry):
    """Posts each message to an HTTP gateway, in the form that it asks for."""

    kind: Literal["http"]
    url: GatewayUrl
    format: Literal["json", "form"] = "json"
    body: Annotated[dict[str, JsonValue], Field(min_length=1), AfterValidator(_template)]
    headers: Annotated[dict[str, str], AfterValidator(_template)] = Field(default_factory=dict)
    secret: Secret | None = None
    accepted: Annotated[str, Field(min_length=1)] | None = None
    """A text that stands in the answer when the message was taken; without it any status of 200 to 299 says so."""

    @model_validator(mode="after")
    def _flat(self) -> "HttpSender":
        if self.format == "form" and not all(isinstance(value, str) for value in self.body.values()):
            raise ValueError("the body of a form is a table of texts; nested ones need format = 'json'")
        return self


class TwilioSender(Entry):
    """Twilio's Messages resource, and what imitates it."""

    kind: Literal["twilio"]
    url: GatewayUrl = "https://api.twilio.com"
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$")]
    secret: Secret
    """The account's auth token."""
    sender: Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
    """The number or name that messages come from; `whatsapp:+62…` sends by WhatsApp."""


Sender = Annotated[SpoolSender | HttpSender | TwilioSender, Field(discriminator="kind")]
Count = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Prefix = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{0,14}$")]


class CodesSection(Entry):
    channel: Literal["sms", "whatsapp"] = "sms"
    """What the pages call the way of a code."""
    sender: Sender = SpoolSender(kind="spool")
    prefixes: Annotated[tuple[Prefix, ...], Field(min_length=1)] = ("+628",)
    """How numbers that get a code begin."""
    gateway_per_hour: Count = 60
    per_hour: Count = 300
    per_day: Count = 2000
    price: Count = 0
    """What a message costs, in rupiah."""
    cost_per_day: Count | None = None
