"""Packets as people read them: names, values by their names, times in UTC, whether the authenticators hold. Pure.

What could help to find a password (passwords hidden by the shared secret, responses to challenges, keys) is never
shown, not even to who has the secret. Texts from the wire lose their control characters before they reach a terminal.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from .dictionary import attribute, value_name, vendor_name
from .packet import Malformed, Packet, is_signed, parse, request_authenticator, response_authenticator

CODES: Final = {
    1: "Access-Request",
    2: "Access-Accept",
    3: "Access-Reject",
    4: "Accounting-Request",
    5: "Accounting-Response",
    11: "Access-Challenge",
    12: "Status-Server",
    13: "Status-Client",
    40: "Disconnect-Request",
    41: "Disconnect-ACK",
    42: "Disconnect-NAK",
    43: "CoA-Request",
    44: "CoA-ACK",
    45: "CoA-NAK",
}
_RANDOM: Final = (1, 12)
"""Requests whose Authenticator is random (RFC 2865 section 3, RFC 5997 section 3)."""
_COMPUTED: Final = (4, 40, 43)
"""Requests whose Authenticator is computed (RFC 2866 section 3, RFC 5176 section 2.3)."""

_VENDOR_SPECIFIC: Final = 26
_MICROSOFT: Final = 311
_SECRET: Final = {
    *((0, code) for code in (2, 3, 69, 70, 84)),  # User-, CHAP-, Tunnel-, ARAP-Password, ARAP-Challenge-Response
    *((_MICROSOFT, code) for code in (1, 3, 4, 5, 6, 12, 16, 17, 25, 27)),  # RFC 2548: responses, new passwords, keys
}
_HIGHEST_TAG: Final = 0x1F
_EAP: Final = (0, 79)
_EAP_CODES: Final = {1: "Request", 2: "Response", 3: "Success", 4: "Failure"}

_WORDS: Final = {
    "short": "shorter than a header",
    "length": "its length field does not fit what came",
    "attribute-length": "an attribute does not fit",
    "too-many-attributes": "more attributes than any real packet has",
    "attribute-zero": "an attribute has number 0",
    "message-authenticator": "Message-Authenticator twice, or not of 18 bytes",
}


@dataclass(frozen=True)
class Value:
    """One attribute. `value` is a number, a text, bytes as hex, or None where it is hidden; `text` is for people."""

    name: str
    number: str
    value: int | str | None
    text: str


@dataclass(frozen=True)
class Shown:
    """A packet, or with `malformed` the reason why the bytes are none.

    The two authenticators are True, False, or None: not to be checked, or absent.
    """

    length: int
    malformed: str | None = None
    code: int = 0
    identifier: int = 0
    authenticator: bool | None = None
    message_authenticator: bool | None = None
    signed: bool = False
    unchecked: str | None = None
    """Why nothing could be checked."""
    attributes: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        return CODES.get(self.code, f"code {self.code}")


def show(data: bytes, secret: bytes | None = None, request: Packet | None = None) -> Shown:
    """A datagram. `request` is the one that it answers, without which a reply's authenticators cannot be checked."""
    try:
        packet = parse(data)
    except Malformed as drop:
        reason = str(drop)
        return Shown(len(data), malformed=_WORDS.get(reason, reason))
    held, signed, unchecked = _checked(packet, secret, request)
    return Shown(
        len(packet.raw),
        None,
        packet.code,
        packet.identifier,
        held,
        signed,
        packet.get("Message-Authenticator") is not None,
        unchecked,
        tuple(value for kind, raw in packet.attributes for value in _values(kind, raw)),
    )


def is_request(code: int) -> bool:
    return code in _RANDOM or code in _COMPUTED


def _checked(
    packet: Packet, secret: bytes | None, request: Packet | None
) -> tuple[bool | None, bool | None, str | None]:
    """(Authenticator, Message-Authenticator, why neither)."""
    if secret is None:
        return None, None, "no secret at hand"
    if packet.code in _RANDOM:
        return None, is_signed(packet, secret, packet.authenticator), None
    if packet.code in _COMPUTED:
        held = packet.authenticator == request_authenticator(packet, secret)
        return held, is_signed(packet, secret, bytes(16)), None
    if request is None:
        return None, None, "the request it answers was not seen"
    held = packet.authenticator == response_authenticator(packet, secret, request.authenticator)
    # No RFC says what an Accounting-Response is signed over; FreeRADIUS and pyrad take zeroes, as in the request.
    over = bytes(16) if (request.code, packet.code) == (4, 5) else request.authenticator
    return held, is_signed(packet, secret, over), None


def _values(kind: int, raw: bytes) -> list[Value]:
    """An attribute; those inside a vendor's each for itself, where the vendor keeps RFC 2865's advice on their form."""
    if kind != _VENDOR_SPECIFIC:
        return [_value(0, kind, raw)]
    vendor, rest = int.from_bytes(raw[:4], "big"), raw[4:]
    found: list[Value] = []
    while len(rest) >= 2 and 2 <= rest[1] <= len(rest):
        found.append(_value(vendor, rest[0], rest[2 : rest[1]]))
        rest = rest[rest[1] :]
    if len(raw) < 4 or rest or not found:
        named = vendor_name(vendor) or f"vendor {vendor}"
        hidden = vendor == _MICROSOFT
        shown = f"hidden, {len(raw)} bytes" if hidden else f"0x{raw.hex()}"
        return [Value(f"Vendor-Specific ({named})", "26", None if hidden else raw.hex(), shown)]
    return found


def _value(vendor: int, code: int, raw: bytes) -> Value:
    known = attribute(vendor, code)
    number = f"{_VENDOR_SPECIFIC}.{vendor}.{code}" if vendor else str(code)
    name = known.name if known else f"{vendor_name(vendor) or f'vendor {vendor}'} {code}" if vendor else number
    if (vendor, code) in _SECRET:
        return Value(name, number, None, f"hidden, {len(raw)} bytes")
    if (vendor, code) == _EAP:
        word = _EAP_CODES.get(raw[0], "fragment") if raw else "start"
        return Value(name, number, None, f"{word}, {len(raw)} bytes")
    kind = known.kind if known else "octets"
    names = name
    if known and known.tagged and raw and (kind == "integer" or raw[0] <= _HIGHEST_TAG):
        name += f":{raw[0]}" if raw[0] else ""
        raw = (b"\0" if kind == "integer" else b"") + raw[1:]
    return Value(name, number, *_read(kind, names, raw))


def _read(kind: str, name: str, raw: bytes) -> tuple[int | str, str]:
    """(value, text) in a wire format; bytes that are not in it as hex."""
    if kind in ("integer", "date") and len(raw) == 4:
        number = int.from_bytes(raw, "big")
        if kind == "date":
            return number, datetime.fromtimestamp(number, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return number, value_name(name, number) or str(number)
    if kind == "octets":
        plain = raw and all(0x20 <= byte < 0x7F for byte in raw)
        return raw.hex(), f'"{raw.decode()}"' if plain else f"0x{raw.hex()}"
    text = _printable(raw.decode("utf-8", "backslashreplace")) if kind == "string" else _address(kind, raw)
    if text is None:
        return raw.hex(), f"0x{raw.hex()} (no {kind})"
    return text, text


def _address(kind: str, raw: bytes) -> str | None:
    if kind == "ipaddr" and len(raw) == 4:
        return str(IPv4Address(raw))
    if kind == "ipv6addr" and len(raw) == 16:
        return str(IPv6Address(raw))
    if kind == "ipv6prefix" and 2 <= len(raw) <= 18:
        return f"{IPv6Address(raw[2:].ljust(16, bytes(1)))}/{raw[1]}"
    return None


def _printable(text: str) -> str:
    """Without what moves a terminal's cursor or turns its writing around."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# -- as lines and as JSON ----------------------------------------------------------------------------------------


def lines(shown: Shown) -> list[str]:
    """What stands below the line that says when, from where and to where."""
    if shown.malformed is not None:
        return [f"malformed: {shown.malformed}, {shown.length} bytes"]
    found = [f"{shown.name} id {shown.identifier}, {shown.length} bytes"]
    told = [("Authenticator", shown.authenticator), ("Message-Authenticator", shown.message_authenticator)]
    checks = [f"{name} {'holds' if held else 'DOES NOT HOLD'}" for name, held in told if held is not None]
    if shown.unchecked:
        checks.append(f"not checked: {shown.unchecked}")
    if not shown.signed:
        checks.append("no Message-Authenticator")
    found.append(f"  {'; '.join(checks)}")
    width = max((len(value.name) for value in shown.attributes), default=0)
    return found + [f"    {value.name:{width}}  {value.text}" for value in shown.attributes]


def as_json(shown: Shown) -> dict[str, Any]:
    """The same for programs. A hidden value is null; bytes are hex."""
    if shown.malformed is not None:
        return {"malformed": shown.malformed, "length": shown.length}
    return {
        "code": shown.code,
        "name": shown.name,
        "identifier": shown.identifier,
        "length": shown.length,
        "authenticator": shown.authenticator,
        "message_authenticator": shown.message_authenticator,
        "signed": shown.signed,
        "unchecked": shown.unchecked,
        "attributes": [
            {"name": value.name, "number": value.number, "value": value.value, "text": value.text}
            for value in shown.attributes
        ],
    }
