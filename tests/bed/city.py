"""The inventory of the bed: one park with one access point that runs openNDS."""

from typing import Final

GATEWAY: Final = "bed-gw"
AP: Final = "bed-ap1"
AP_MAC: Final = "02:00:5e:aa:bb:01"
FAS_KEY: Final = "BED_FAS"
AGENT_KEY: Final = "BED_AGENT"


def bridged_toml() -> str:
    """The same place with a gateway of another make behind the access point's uplink."""
    gateway = 'nas = "mikrotik"\nradius = { sources = ["10.199.0.1/32"], secret = "env:BED_RADIUS" }'
    opennds = sites_toml().partition('nas = "opennds"')[2].partition("\n\n")[0]
    text = sites_toml().replace(f'nas = "opennds"{opennds}', gateway)
    return text.replace('network = "10.210.0.1/24"', "bridge = true")


def sites_toml(
    *,
    level: int = 1,
    portal: str = "http://portal.test:8000",
    ap_address: str = "10.199.0.2",
    network: str = "10.210.0.1/24",
    kind: str = "debian",
) -> str:
    """The text of its sites.toml. The secrets are `env:BED_FAS` and `env:BED_AGENT`."""
    return f"""
[city]
name = "Kota Uji"
region = "36.74"
operator = "Diskominfo Kota Uji"

[portal]
url = "{portal}"
addresses = ["10.199.0.1"]

[wifi]
resolvers = ["10.199.0.1"]

[controller]
confirm = "60s"

[plans.umum]
session = "2h"
data_per_day = "1 GB"
down = "5 Mbit/s"
up = "2 Mbit/s"
devices = 2

[[gateway]]
id = "{GATEWAY}"
nas = "opennds"
fas_level = {level}
fas_key = "env:{FAS_KEY}"
agent_key = "env:{AGENT_KEY}"
ap = "{AP}"

[[site]]
id = "taman-uji"
name = "Taman Uji"
kind = "park"
region = "36.74.01.1003"
location = [-6.3018, 106.6653]
since = 2026-01-15
plan = "umum"
admit = ["click-through", "voucher", "member"]
funding = "APBD"

  [[site.ap]]
  id = "{AP}"
  mac = "{AP_MAC}"
  address = "{ap_address}"
  kind = "{kind}"
  gateway = "{GATEWAY}"
  wifi = {{ uplink = "wan0", ports = ["lan1", "lan2"], network = "{network}" }}
"""
