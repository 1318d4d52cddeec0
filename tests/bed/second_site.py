"""A second site of the bed's city: a clinic behind a STAND-IN for CoovaChilli (`tests/doubles/coovachilli.py`), which
no package provides. `python -m tests.bed.second_site` in the wan namespace plays its gateway and one phone, and prints
as JSON what came of a ticket that was redeemed twice.
"""

import json
import sys
from typing import Final

from hotspot.settings import Settings
from tests.browser import Browser
from tests.doubles.coovachilli import CoovaChilliDouble

from .net import PORTAL, PORTAL_NAME

GATEWAY: Final = "klinik-gw"
SITE: Final = "klinik-uji"
TOML: Final = f"""
[[gateway]]
id = "{GATEWAY}"
nas = "coovachilli"
radius = {{ sources = ["{PORTAL}/32"], secret = "env:KLINIK_RADIUS" }}
uam_secret = "env:KLINIK_UAM"

[[site]]
id = "{SITE}"
name = "Puskesmas Uji"
kind = "clinic"
region = "36.74.01.1003"
location = [-6.3120, 106.6700]
since = 2026-01-15
plan = "umum"
admit = ["click-through", "voucher"]
funding = "APBD"

  [[site.ap]]
  id = "klinik-ap1"
  mac = "02:00:5e:aa:bb:02"
  address = "{PORTAL}:2200"
  kind = "debian"
  gateway = "{GATEWAY}"
  wifi = {{ bridge = true, uplink = "eth0", ports = ["lan1"] }}
"""

CODES: Final = {2: "Access-Accept", 3: "Access-Reject"}


def main() -> dict[str, object]:
    """Somebody logs in; then the same ticket is sent once more, in a new Access-Request."""
    settings = Settings.load()
    gateway = CoovaChilliDouble(
        nasid=GATEWAY,
        uamserver=f"http://{PORTAL_NAME}:8000/g/{GATEWAY}",
        uam_secret=settings.secret("env:KLINIK_UAM"),
        radius_secret=settings.secret("env:KLINIK_RADIUS"),
        auth=(PORTAL, 1812),
        acct=(PORTAL, 1813),
        nasmac="02-00-5E-AA-BB-02",
    )
    with gateway:
        return twice(gateway)


def twice(gateway: CoovaChilliDouble) -> dict[str, object]:
    """What the gateway heard when a phone logged in, and when the same ticket came again."""
    browser, phone = Browser(), gateway.phone
    arrived = browser.open(gateway.redirect("notyet"))
    challenge = phone.challenge
    admitted = browser.submit(arrived, arrived.form(method="click-through"))
    assert phone.online, admitted.text
    session, accepted = phone.session_id, dict(phone.accept)
    phone.challenge = challenge
    again = browser.open(next(url for url in admitted.visited if "/logon?" in url))
    phone.session_id, phone.accept = session, accepted
    first, second = (CODES[code] for code in gateway.answers)
    assert (first, second) == ("Access-Accept", "Access-Reject")
    phone.down, phone.up = 25_000_000, 2_000_000
    gateway.account(3)
    return {
        "gateway": gateway.nasid,
        "stand_in_for": "CoovaChilli 1.8",
        "first": first,
        "second": second,
        "told": again.alert,
        "page": admitted.text,
    }


if __name__ == "__main__":
    print(json.dumps(main()), file=sys.stdout)
