"""The dictionary: attribute names to numbers and wire formats, read by pyrad from the files beside this one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from pyrad.dictionary import Dictionary

_VENDOR_SPECIFIC: Final = 26
_LONGEST: Final = 253


@dataclass(frozen=True)
class Attribute:
    """What the dictionary says of one attribute number."""

    name: str
    kind: str
    """Its wire format in pyrad's words: string, octets, integer, date, ipaddr, ipv6addr, ipv6prefix."""
    tagged: bool
    """Whether its first byte may be a tag that ties it to others (RFC 2868 section 3)."""


@cache
def _dictionary() -> Any:
    return Dictionary(str(Path(__file__).parent / "dictionary"))


@cache
def number(name: str) -> tuple[int, int]:
    """(vendor, attribute number) of a name; vendor 0 is the RFCs'. KeyError for a name no file has."""
    attribute = _dictionary()[name]
    vendor = _dictionary().vendors.GetForward(attribute.vendor) if attribute.vendor else 0
    return int(vendor), int(attribute.code)


def attribute(vendor: int, code: int) -> Attribute | None:
    """What stands for a number inside a packet; vendor 0 is the RFCs'. None for a number no file has."""
    return _attributes().get((vendor, code))


@cache
def _attributes() -> dict[tuple[int, int], Attribute]:
    found = _dictionary().attributes.items()
    return {number(name): Attribute(name, str(entry.type), bool(entry.has_tag)) for name, entry in found}


def vendor_name(vendor: int) -> str | None:
    """The name of a vendor (IANA private enterprise number), None where no file has it."""
    vendors = _dictionary().vendors
    return str(vendors.GetBackward(vendor)) if vendors.HasBackward(vendor) else None


@cache
def _kind(name: str) -> str:
    return str(_dictionary()[name].type)


def value_name(attribute: str, value: int) -> str | None:
    """The name of an integer attribute's value, None where the dictionary has none."""
    return _value_names(attribute).get(value)


@cache
def _value_names(attribute: str) -> dict[int, str]:
    values = _dictionary()[attribute].values
    return {int.from_bytes(values.GetForward(name), "big"): name for name in values.forward}


def encode(name: str, value: int | str | bytes) -> bytes:
    """One attribute as it stands in a packet. ValueError where the value does not fit."""
    return _encoder(name)(value)


@cache
def _encoder(name: str) -> Callable[[int | str | bytes], bytes]:
    """How an attribute's values are written; its head is made once."""
    kind = _kind(name)
    vendor, code = number(name)
    room = _LONGEST - 6 if vendor else _LONGEST

    def head(size: int) -> bytes:
        if not vendor:
            return bytes([code, size + 2])
        return bytes([_VENDOR_SPECIFIC, size + 8]) + vendor.to_bytes(4, "big") + bytes([code, size + 2])

    heads = tuple(head(size) for size in range(room + 1))
    word = heads[4]

    def integer(value: int | str | bytes) -> bytes:
        number = int(value)
        if not 0 <= number < 2**32:
            raise ValueError(f"{name} takes 32 bits, not {number}")
        return word + number.to_bytes(4, "big")

    def other(value: int | str | bytes) -> bytes:
        raw = value if isinstance(value, bytes) else str(value).encode()
        if not 0 < len(raw) <= room:
            raise ValueError(f"{name} takes 1 to {room} bytes, not {len(raw)}")
        return heads[len(raw)] + raw

    if kind in ("integer", "date"):
        return integer
    if kind == "ipaddr":
        return lambda value: word + IPv4Address(value).packed
    return other
