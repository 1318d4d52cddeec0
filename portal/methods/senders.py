"""How a message reaches a phone: one class for each kind of sender in sites.toml, behind one port."""

import base64
import json
import math
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from hotspot.city.codes import PLACEHOLDERS, HttpSender, Sender, SpoolSender, TwilioSender
from hotspot.errors import PeerError
from hotspot.people.one_time import LIFETIME
from hotspot.settings import Settings
from portal.peers.patience import send_patiently
from portal.peers.web import Answer, Request

_NAMED = "nirkabel-"
"""How our files in a spool folder begin, which others may share."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Message:
    """`number` is in E.164 form, `text` the whole message with `code` in it."""

    id: str
    number: str
    text: str
    code: str


class Port(Protocol):
    def send(self, message: Message, /) -> None:
        """Returns when the message was taken over. PeerError where it was not; it names neither number nor text."""
        ...


@dataclass(frozen=True)
class _Spool:
    """A file for each message in the form of SMS Server Tools 3: headers, an empty line, the text.

    It is written under a name that smsd passes over (*.LOCK) and gets its own when it is whole. Number and code stand
    there in clear, so what nobody has taken while its code holds is removed: smsd takes files away, others may not.
    """

    folder: Path

    def sweep(self, now: float) -> int:
        """Removes the messages whose codes hold no more; how many. PeerError where the folder does not let it."""
        old = [path for path in self.folder.glob(f"{_NAMED}*") if _written(path) < now - LIFETIME]
        try:
            for path in old:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise PeerError(f"the spool folder {self.folder}: {error.strerror}") from error
        return len(old)

    def send(self, message: Message) -> None:
        self.sweep(time.time())
        path = self.folder / f"{_NAMED}{message.id}"
        temporary = path.with_name(f"{path.name}.LOCK")
        text = f"To: {message.number.removeprefix('+')}\nAlphabet: UTF-8\n\n{message.text}\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            temporary.rename(path)
        except OSError as error:
            raise PeerError(f"the spool folder {self.folder}: {error.strerror}") from error


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # taken meanwhile
        return math.inf


def sweep_spools(sender: Sender, settings: Settings, now: float) -> int:
    """Removes what nobody has taken from this node's spool folders: the one of `sender`, and the one in the state
    folder, which an earlier revision may have used. How many messages that were."""
    named = Path(sender.folder) if isinstance(sender, SpoolSender) and sender.folder else None
    folders = {settings.state / "spool", named}
    return sum(_Spool(folder).sweep(now) for folder in folders if folder is not None)


@dataclass(frozen=True)
class _Http:
    section: HttpSender
    settings: Settings

    def send(self, message: Message) -> None:
        values = _values(message, self.settings, self.section.secret)
        body = _filled(self.section.body, values)
        form = self.section.format == "form"
        headers = {
            "Content-Type": _FORM if form else "application/json",
            **{name: _filled(text, values) for name, text in self.section.headers.items()},
        }
        text = urlencode(body) if form else json.dumps(body)
        answer = send_patiently(Request("POST", self.section.url, headers, text))
        if not answer.good:
            raise PeerError(f"the message gateway answered {answer.status}")
        if self.section.accepted is not None and self.section.accepted not in answer.text:
            raise PeerError("the message gateway's answer does not say that it took the message")


def _values(message: Message, settings: Settings, secret: str | None) -> dict[str, str]:
    found = (
        message.number,
        message.number.removeprefix("+"),
        message.text,
        message.code,
        settings.secret(secret).decode() if secret else "",
    )
    return dict(zip(PLACEHOLDERS, found, strict=True))


def _filled(template: Any, values: dict[str, str]) -> Any:
    """A template with its placeholders replaced, whatever its shape."""
    if isinstance(template, str):
        return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], template)
    if isinstance(template, dict):
        return {name: _filled(inner, values) for name, inner in template.items()}
    if isinstance(template, list):
        return [_filled(inner, values) for inner in template]
    return template


@dataclass(frozen=True)
class _Twilio:
    """`POST /2010-04-01/Accounts/{account}/Messages.json` with To, From and Body; 201 says that it is queued."""

    section: TwilioSender
    settings: Settings

    def send(self, message: Message) -> None:
        token = self.settings.secret(self.section.secret).decode()
        credentials = base64.b64encode(f"{self.section.account}:{token}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": _FORM, "Accept": "application/json"}
        sender = self.section.sender
        to = f"whatsapp:{message.number}" if sender.startswith("whatsapp:") else message.number
        body = urlencode({"To": to, "From": sender, "Body": message.text})
        url = f"{self.section.url}/2010-04-01/Accounts/{quote(self.section.account)}/Messages.json"
        answer = send_patiently(Request("POST", url, headers, body))
        if not answer.good:
            raise PeerError(f"the message gateway answered {answer.status}{_error_code(answer)}")
        if answer.json().get("status") in ("failed", "undelivered", "canceled"):
            raise PeerError(f"the message gateway did not send it{_error_code(answer)}")


def _error_code(answer: Answer) -> str:
    """Twilio's own number of what went wrong (its text may name the phone number)."""
    try:
        value = answer.json()
    except PeerError:
        return ""
    code = value.get("code") or value.get("error_code") if isinstance(value, dict) else None
    return f", error {code}" if isinstance(code, int) else ""


def port(sender: Sender, settings: Settings) -> Port:
    """The way messages go out."""
    match sender:
        case SpoolSender():
            return _Spool(Path(sender.folder) if sender.folder else settings.state / "spool")
        case HttpSender():
            return _Http(sender, settings)
        case TwilioSender():
            return _Twilio(sender, settings)
