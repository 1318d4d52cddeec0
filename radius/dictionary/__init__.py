"""The dictionary: attribute names to numbers and wire formats, read by pyrad from the files beside this one."""

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
    kind = _kind(name)
    if kind in ("integer", "date"):
        if not 0 <= int(value) < 2**32:
            raise ValueError(f"{name} takes 32 bits, not {int(value)}")
        raw = int(value).to_bytes(4, "big")
    elif kind == "ipaddr":
        raw = IPv4Address(value).packed
    else:
        raw = value if isinstance(value, bytes) else str(value).encode()
    vendor, code = number(name)
    if vendor:
        raw = vendor.to_bytes(4, "big") + bytes([code, len(raw) + 2]) + raw
        code = _VENDOR_SPECIFIC
    if not 0 < len(raw) <= _LONGEST:
        raise ValueError(f"{name} takes 1 to {_LONGEST} bytes, not {len(raw)}")
    return bytes([code, len(raw) + 2]) + raw
