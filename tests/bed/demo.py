"""`make demo`: the main job, shown step by step on the embedded default. Everything is a real command of ours.

In the bed: a blank access point is configured over SSH, a real openNDS holds a phone back, the portal admits it, its
use and the site's uptime are recorded, a coverage report comes out. Without namespaces (`--without-namespaces`): the
same house on loopback, with a stand-in for the gateway, and without the access point.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bed import city
from tests.bed.house import House
from tests.bed.net import INTERNET, INTERNET_NAME, wait_until
from tests.browser import Browser, Page
from tests.node import Node

OUT = Path(__file__).parents[2] / "build" / "demo"
SITE = f"http://{INTERNET_NAME}/"
_START = time.monotonic()


def step(text: str) -> None:
    print(f"\n[{time.monotonic() - _START:5.1f} s] {text}", flush=True)


def show(text: str) -> None:
    for line in text.strip().splitlines():
        print(f"          {line}", flush=True)


def page(text: str) -> None:
    """A page as its reader sees it, without the terms."""
    lines = text.splitlines()
    show("\n".join(f"| {line}" for line in lines if len(line) < 120))


def period() -> str:
    return time.strftime("%Y-%m", time.gmtime(time.time() + 7 * 3600))


def report(run: Callable[..., str]) -> None:
    step("The coverage report for the ministry, from what was really recorded")
    show(run("report", "coverage", "--period", period(), "--out", str(OUT / "report")))
    show(run("report", "verify", str(OUT / "report")))
    manifest = json.loads((OUT / "report" / "manifest.json").read_text())
    assert manifest["provisional"] is True, "the month is not over"


def in_the_bed() -> None:
    step("A city's server, an unconfigured Debian access point and two phones, each in a network of its own")
    with tempfile.TemporaryDirectory() as folder, House(Path(folder)) as house:
        shutil.copy(house.sites, OUT / "sites.toml")
        show(f"the city is described in {OUT / 'sites.toml'}")
        step("hotspot up: portal, RADIUS and telemetry on SQLite")
        house.start()
        show("\n".join(line for line in house.log.read_text().splitlines() if not line.startswith("{")))
        step("hotspot adopt, plan, apply: configured over SSH; without our confirmation it would revert by itself")
        house.bed.ap.authorize(house.run("keys", "create").strip().splitlines()[-1])
        show(house.run("adopt", city.AP, "--yes"))
        show(house.hotspot("plan").stdout)
        show(house.run("apply", "--yes"))
        show(house.hotspot("plan").stdout)

        step("A phone joins, opens a site, and is held back by openNDS")
        one, two = house.bed.clients
        house.join(one)
        house.join(two)
        status, where, _ = one.get(SITE)
        show(f"GET {SITE} -> {status} {where[:72]}…")
        assert status in (302, 307)
        step("It agrees to the terms on the portal's page and is online")
        seen = house.phone(one, SITE, "click-through")
        page(seen.text)
        assert one.get(SITE)[0] == 200
        step("A second phone comes in with a voucher")
        code = house.json("voucher", "create", "--site", "taman-uji", "--plan", "umum")["codes"][0]
        show(f"hotspot voucher create -> {code}")
        assert "Anda tersambung" in house.phone(two, SITE, "voucher", code=code).text
        (house.folder / "web" / "big").write_bytes(bytes(4_000_000))
        one.get(f"http://{INTERNET}:8080/big", "-o", "/dev/null")
        two.start(sys.executable, "-m", "http.server", "80")
        guarded = {
            "the access point's SSH": one.connects("10.210.0.1", 22),
            "a private host": one.connects("10.199.0.99", 80),
            "the other phone": one.connects(str(two.lease.ip if two.lease else ""), 80),
        }
        show("; ".join(f"{what}: {'REACHED' if reached else 'not reached'}" for what, reached in guarded.items()))
        assert not any(guarded.values())

        step("hotspot session list, then one of them is put out")
        wait_until(lambda: len(counted(house)) == 2, "both sessions are counted")
        show(house.run("session", "list"))
        session = next(row for row in counted(house) if row["method"] == "click-through")
        show(house.run("session", "disconnect", session["id"][:12]))
        assert one.get(SITE)[0] != 200
        show(f"GET {SITE} -> held back again")

        step("The access point loses its uplink for a moment, and telemetry sees it")
        wait_until(lambda: state(house) == "up", "the site is up")
        house.bed.ap.cut()
        wait_until(lambda: state(house) == "down", "the site is down")
        house.bed.ap.mend()
        wait_until(lambda: state(house) == "up", "the site is up again")
        show(house.run("site", "list"))
        report(house.run)


def counted(house: House) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = house.json("session", "list")
    return [row for row in rows if row["method"]]


def state(house: House) -> str:
    [site] = house.json("site", "list")
    return str(site["state"])


def on_loopback() -> None:
    show("This system forbids network namespaces. Left out: the real openNDS, configuring an access point over SSH,")
    show("guest isolation. A stand-in plays the park's CoovaChilli gateway; portal, RADIUS and telemetry are real.")
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder))
        shutil.copy(node.sites, OUT / "sites.toml")
        step("hotspot up: portal, RADIUS and telemetry on SQLite")
        with node.up() as house:
            wait_until(lambda: sum("listening on" in line for line in house.lines) == 3, "all services listen")
            show("".join(line for line in house.lines if "listening on" in line))
            with node.gateway() as gateway:
                step("A phone is sent to the portal, agrees to the terms, and is admitted through RADIUS")
                browser = Browser()
                arrived = browser.open(gateway.redirect("notyet"))
                admitted: Page = browser.submit(arrived, arrived.form(method="click-through"))
                page(admitted.text)
                assert gateway.phone.online
                gateway.phone.down, gateway.phone.up = 250_000_000, 20_000_000
                gateway.account(3)
                step("hotspot session list, then it is put out over RADIUS")
                show(node.run("session", "list"))
                [row] = node.json("session", "list")
                show(node.run("session", "disconnect", row["id"][:12]))
                assert not gateway.phone.online
            report(node.run)


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    if "--without-namespaces" in sys.argv:
        on_loopback()
    else:
        in_the_bed()
    step("Done. Look at")
    for path in sorted((OUT / "report").iterdir()):
        show(str(path))


if __name__ == "__main__":
    main()
