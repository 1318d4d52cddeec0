"""Whom the benchmark asks for: a city of gateways, each with its own source address, and the phones behind them."""

import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from random import Random

GATEWAYS = 32
"""Sources of requests, 127.0.1.1 and on, so that the kernel spreads them over the server's processes."""

_HEAD = """
[city]
name = "Kota Beban"
region = "36.74"
operator = "Diskominfo"
[portal]
url = "https://wifi.example.go.id"
[plans.umum]
session = "2h"
time_per_day = "20h"
data_per_day = "1 GB"
down = "5 Mbit/s"
up = "2 Mbit/s"
devices = 100
"""

_GATEWAY = """
[[gateway]]
id = "{gateway}"
nas = "coovachilli"
radius.sources = ["{address}/32"]
radius.secret = "env:BENCH_RADIUS_{number}"
radius.coa = "{address}:3799"
radius.rate = 1_000_000
uam_secret = "env:BENCH_UAM_{number}"
[[site]]
id = "{site}"
name = "Taman {number}"
kind = "park"
region = "36.74.01.1003"
location = [-6.3018, 106.6653]
since = 2026-01-15
plan = "umum"
admit = ["click-through"]
funding = "APBD"
  [[site.ap]]
  id = "ap-{number}"
  mac = "{ap_mac}"
  address = "{address}"
  kind = "debian"
  gateway = "{gateway}"
"""


@dataclass(frozen=True)
class Gateway:
    number: int

    @property
    def id(self) -> str:
        return f"gw-{self.number}"

    @property
    def site(self) -> str:
        return f"taman-{self.number}"

    @property
    def address(self) -> str:
        return f"127.0.1.{self.number + 1}"

    @property
    def ap_mac(self) -> str:
        return f"02:00:5e:00:00:{self.number:02x}"


GATEWAY = tuple(Gateway(number) for number in range(GATEWAYS))


def sites_toml() -> str:
    """The city's inventory: a gateway, a site and an access point for each source."""
    return _HEAD + "".join(
        _GATEWAY.format(gateway=g.id, address=g.address, site=g.site, number=g.number, ap_mac=g.ap_mac) for g in GATEWAY
    )


def gateway_of(phone: int) -> Gateway:
    """Where a phone is; it stays there."""
    return GATEWAY[phone % GATEWAYS]


def mac_of(phone: int) -> str:
    """The address of a phone, randomised as phones' addresses are, in `parse_mac` form."""
    digits = f"06{phone:010x}"
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


@dataclass(frozen=True)
class City:
    """`phones` people with a phone each; `tickets` to redeem and `sessions` to account for are spread over them."""

    phones: int
    tickets: int
    sessions: int

    @cached_property
    def secrets(self) -> list[str]:
        """The shared secret of each gateway."""
        return [secrets.token_hex(16) for _ in GATEWAY]

    @cached_property
    def ticket_ids(self) -> list[str]:
        return _ids(self.tickets)

    @cached_property
    def session_tickets(self) -> list[str]:
        """The Class of each session."""
        return _ids(self.sessions)

    @cached_property
    def accounts(self) -> list[tuple[str, str]]:
        """Name and password of each phone's user where the server knows no tickets: of the same lengths."""
        return [(name, secrets.token_urlsafe(12)) for name in _ids(self.phones)]


def _ids(count: int) -> list[str]:
    """Ids of tickets in the order in which they were issued, all within a quarter of an hour
    (`hotspot.admission.ticket`)."""
    random, began = Random(secrets.randbits(64)), int(time.time()) - 900
    return [f"{began + 900 * number // count:08x}{random.getrandbits(96):024x}" for number in range(count)]
