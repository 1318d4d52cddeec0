"""A small city for tests of the store: a park and a clinic, plans to be changed, gateways of each way to be told."""

from hotspot.city.inventory import load
from hotspot.city.sites import Inventory
from hotspot.store import Store
from hotspot.store.city.revisions import Revision, activate

_TEXT = """
[city]
name = "Kota Contoh"
region = "36.74"
operator = "Diskominfo"

[portal]
url = "https://wifi.example.go.id"

[plans.umum]
session = "2h"
PLAN

[plans.luas]
session = "8h"
devices = 5

[[gateway]]
id = "gw"
nas = "coovachilli"
radius = { sources = ["10.20.1.0/28"], secret = "env:GW", coa = "10.20.1.2:3799" }
uam_secret = "env:UAM"

[[gateway]]
id = "deaf"
nas = "coovachilli"
radius = { sources = ["10.20.2.0/28"], secret = "env:DEAF" }
uam_secret = "env:DEAF_UAM"

[[gateway]]
id = "agent"
nas = "opennds"
fas_key = "env:FAS"
agent_key = "env:AGENT"

[[site]]
id = "park"
name = "Taman"
kind = "park"
region = "36.74.01.1003"
location = [-6.3018, 106.6653]
since = 2026-01-15
plan = "SITE_PLAN"
admit = ["click-through", "voucher", "member"]
funding = "APBD"

  [[site.ap]]
  id = "ap1"
  mac = "02:00:5e:aa:bb:01"
  address = "10.20.1.2"
  kind = "debian"
  gateway = "gw"
"""


def text(plan: str = "", site_plan: str = "umum") -> str:
    """The city with these keys in the plan `umum`, and with this plan at the park."""
    return _TEXT.replace("PLAN", plan, 1).replace("SITE_PLAN", site_plan)


def city(plan: str = "", site_plan: str = "umum") -> Inventory:
    return load(text(plan, site_plan))


def activated(store: Store, now: int, plan: str = "", site_plan: str = "umum") -> Revision:
    """The city as the store's newest revision."""
    with store.core.write() as connection:
        return activate(connection, text(plan, site_plan), "test", now)
