"""Whom the benchmark sends to the portal: a city of CoovaChilli gateways, and phones that have a voucher each."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tests.bench.radius.city import GATEWAY, GATEWAYS, gateway_of, mac_of, sites_toml

VOUCHERS: Final = 10_000
HOUSEHOLD: Final = 100
"""Phones that come from one address, as behind the NAT of a gateway."""


def inventory(portal: str) -> str:
    """The text of its sites.toml: vouchers beside a click."""
    text = sites_toml().replace("https://wifi.example.go.id", portal)
    return text.replace('admit = ["click-through"]', 'admit = ["click-through", "voucher"]')


def share(number: int) -> int:
    """How many of the vouchers are of the site of one gateway."""
    return VOUCHERS // GATEWAYS + (number < VOUCHERS % GATEWAYS)


@dataclass(frozen=True)
class Visitor:
    """A phone at the portal's door, as its gateway has sent it."""

    path: str
    address: str
    """Whose request a proxy on this machine says it is."""
    method: str
    code: str
    back: str
    """How the address begins by which it is handed back."""


def _address(number: int) -> str:
    return f"198.18.{number // HOUSEHOLD // 250}.{number // HOUSEHOLD % 250 + 1}"


def visitors(portal: str, uam: list[bytes], codes: list[list[str]], method: str) -> Iterator[Visitor]:
    """One for each voucher, from one gateway after the other. `uam` and `codes` are by gateway."""
    for number in range(VOUCHERS):
        gateway = gateway_of(number)
        # reference: coova-chilli src/redir.c, bstring_buildurl; the escapes are lower-case
        plain = {
            "res": "notyet", "uamip": "10.1.0.1", "uamport": "3990",
            "challenge": hashlib.md5(b"%d" % number).hexdigest(), "called": gateway.ap_mac.replace(":", "-"),
            "mac": mac_of(number).upper().replace(":", "-"), "ip": f"10.1.{number // 250 % 250}.{number % 250 + 2}",
            "nasid": gateway.id, "sessionid": f"{number:016x}",
            "userurl": "http%3a%2f%2fconnectivitycheck.gstatic.com%2fgenerate_204",
        }  # fmt: skip
        query = "&".join(f"{name}={value}" for name, value in plain.items())
        base = f"{portal}/g/{quote(gateway.id)}"
        md = hashlib.md5(f"{base}?{query}".encode() + uam[gateway.number]).hexdigest().upper()
        code = codes[gateway.number][number // GATEWAYS] if method == "voucher" else ""
        yield Visitor(
            f"/g/{gateway.id}?{query}&md={md}", _address(number), method, code, "http://10.1.0.1:3990/logon?username="
        )


__all__ = ["GATEWAY", "VOUCHERS", "Visitor", "inventory", "share", "visitors"]
