"""`make demo`: the main job, shown step by step on the embedded default. Everything is a real command of ours.

In the bed: a blank access point is configured over SSH, a real openNDS holds a phone back, the portal admits it, a
second site stands behind a stand-in for CoovaChilli, an outage is seen, a coverage report comes out. Without namespaces
(`--without-namespaces`): the same house on loopback, with the stand-in alone, and without the access point.

It stays up for the machine's own browser until it is interrupted, unless ONCE=1.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.node import Node

from . import city, second_site
from .house import House, Seen
from .net import INTERNET, INTERNET_NAME, PORTAL, PORTAL_NAME, Client, wait_until
from .story import Story

TOP: Final = Path(__file__).parents[2]
OUT: Final = Path(os.environ.get("DEMO_OUT", TOP / "build" / "demo"))
SITE: Final = f"http://{INTERNET_NAME}/"
ONCE: Final = os.environ.get("ONCE", "0") not in ("", "0")
PARK: Final = "taman-uji"


def period() -> str:
    return time.strftime("%Y-%m", time.gmtime(time.time() + 7 * 3600))


# -- in the bed --------------------------------------------------------------------------------------------------------


def in_the_bed(story: Story, stay: Callable[[], None]) -> None:
    story.step("A city's server, a blank Debian access point and two phones, each in a network of its own")
    with tempfile.TemporaryDirectory() as folder, House(Path(folder)) as house:
        house.sites.write_text(house.sites.read_text() + second_site.TOML)
        shutil.copy(house.sites, OUT / "sites.toml")
        open_to_the_outside(house)
        story.step("hotspot up: portal, RADIUS and telemetry on SQLite; the city is build/demo/sites.toml")
        house.start()
        configured(story, house)
        status_page = admitted(story, house)
        second(story, house)
        put_out(story, house)
        outage(story, house)
        report(story, house.run)
        story.note(urls=urls(status_page))
        stay()


def open_to_the_outside(house: House) -> None:
    """Sockets in build/demo that lead to the portal and the dashboard (`tests.bed.outside` has their other ends)."""
    names = Path("/etc/netns") / house.bed.wan.name
    names.mkdir(parents=True, exist_ok=True)
    (names / "hosts").write_text(f"127.0.0.1 localhost\n{PORTAL} {PORTAL_NAME}\n")
    if not ONCE:
        for name, port in (("portal", 8000), ("telemetry", 8090)):
            relay = (sys.executable, "-m", "tests.bed.relay", str(OUT / f"{name}.sock"), PORTAL, str(port))
            house.bed.wan.start(*relay, PYTHONPATH=str(TOP))


def configured(story: Story, house: House) -> None:
    story.step("hotspot adopt, plan, apply: configured over SSH; unconfirmed, it would revert by itself")
    house.bed.ap.authorize(house.run("keys", "create").strip().splitlines()[-1])
    house.run("adopt", city.AP, "--yes")
    [planned] = json.loads(house.hotspot("plan", city.AP, "--json").stdout)["access_points"]
    story.show(f"{city.AP}: {planned['state']}, {len(planned['changes'])} files to write")
    story.show(house.run("apply", city.AP, "--yes").splitlines()[0])
    story.show(house.run("plan", city.AP).splitlines()[0])


def admitted(story: Story, house: House) -> str:
    """Two phones come in; the path of the second's page at the portal."""
    one, two = house.bed.clients
    house.join(one)
    house.join(two)
    status, where, _ = one.get(SITE)
    assert status in (302, 307)
    story.step(f"A phone joins and is held back by openNDS: GET {SITE} -> {status} {where[:46]}…")
    screenshot(story, one)
    seen = house.phone(one, SITE, "click-through")
    story.step(f"It agrees to the terms on the portal's page: “{gist(seen.text)}”")
    assert one.get(SITE)[0] == 200
    code = house.json("voucher", "create", "--site", PARK, "--plan", "umum")["codes"][0]
    came = house.phone(two, SITE, "voucher", code=code)
    assert "Anda tersambung" in came.text
    story.step(f"A second phone comes in with the voucher {code}, and is kept from what is not its business")
    (house.folder / "web" / "big").write_bytes(bytes(4_000_000))
    one.get(f"http://{INTERNET}:8080/big", "-o", "/dev/null")
    guarded(story, one, two)
    return path_of_status(came)


def path_of_status(seen: Seen) -> str:
    """The path of the page on which somebody is told that they are online."""
    found = [url for url in (seen.url, *reversed(seen.visited)) if "/s/" in url]
    return "/" + found[0].split("/", 3)[3] if found else "/"


def gist(text: str) -> str:
    """The headline and the figures of a page that says somebody is online."""
    lines = text.splitlines()
    found = [f"{line} {lines[i + 1]}" for i, line in enumerate(lines[:-1]) if line.startswith("Sisa ")]
    return ", ".join(["Anda tersambung" if "Anda tersambung" in lines else lines[0], *found])


def screenshot(story: Story, phone: Client) -> None:
    """The portal's page as the phone sees it, where Chromium is there."""
    file = OUT / "portal.png"
    if shutil.which("chromium"):
        done = phone.run(sys.executable, "-m", "tests.bed.screen", SITE, str(file), PYTHONPATH=str(TOP))
        assert file.exists(), done.stderr
        story.note(screenshot=str(file))


def guarded(story: Story, one: Client, two: Client) -> None:
    two.start(sys.executable, "-m", "http.server", "80")
    reached = {
        "the access point's SSH": one.connects("10.210.0.1", 22),
        "a private host": one.connects("10.199.0.99", 80),
        "the other phone": one.connects(str(two.lease.ip if two.lease else ""), 80),
    }
    assert not any(reached.values()), reached
    story.show(f"not reached: {', '.join(reached)}")
    story.note(not_reached=list(reached))


def second(story: Story, house: House) -> None:
    story.step("A second site, Puskesmas Uji, behind a STAND-IN for CoovaChilli (no package has the real one)")
    settings = [f"{name}={value}" for name, value in house.environment.items()]
    done = house.bed.wan.run("env", *settings, sys.executable, "-m", "tests.bed.second_site", PYTHONPATH=str(TOP))
    assert done.returncode == 0, done.stderr
    told_of_the_ticket(story, json.loads(done.stdout))


def told_of_the_ticket(story: Story, found: dict[str, Any]) -> None:
    story.show(f"a phone's ticket is redeemed once: {found['first']}; sent again: {found['second']}")
    story.note(second_site={name: value for name, value in found.items() if name != "page"})


def put_out(story: Story, house: House) -> None:
    story.step("hotspot session list, then the first phone is put out")
    wait_until(lambda: len(counted(house)) == 3, "the sessions are counted")
    story.show(house.run("session", "list"))
    phone = house.bed.clients[0]
    session = next(row for row in counted(house) if row["method"] == "click-through" and row["site"] == PARK)
    story.show(house.run("session", "disconnect", session["id"][:12]))
    assert phone.get(SITE)[0] != 200
    story.show(f"GET {SITE} -> held back again")
    story.note(sessions=house.json("session", "list"))


def counted(house: House) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = house.json("session", "list")
    return [row for row in rows if row["method"]]


def outage(story: Story, house: House) -> None:
    story.step("The access point loses its uplink for some seconds, and telemetry sees it")
    since = {}
    for wanted, change in (("up", None), ("down", house.bed.ap.cut), ("up", house.bed.ap.mend)):
        if change is not None:
            change()
        wait_until(partial(is_in, house, wanted), f"the site is {wanted}")
        row = state(house)
        since[wanted] = datetime.fromisoformat(row["since"])
        story.show(f"{PARK}: {wanted:4} since {since[wanted]:%H:%M:%S} UTC")
    lasted = int((since["up"] - since["down"]).total_seconds())
    assert lasted > 0
    story.show(f"an outage of {lasted} s, counted from the first probe that failed to the first that came through")
    story.note(outage={"site": PARK, "from": since["down"].isoformat(), "seconds": lasted})


def state(house: House) -> dict[str, Any]:
    return next(row for row in house.json("site", "list") if row["site"] == PARK)


def is_in(house: House, wanted: str) -> bool:
    return bool(state(house)["state"] == wanted)


# -- on loopback -------------------------------------------------------------------------------------------------------


def on_loopback(story: Story, stay: Callable[[], None]) -> None:
    print("This system forbids network namespaces. Left out: the real openNDS, configuring an access point over SSH,")
    print("guest isolation, the outage. A STAND-IN plays CoovaChilli; portal, RADIUS and telemetry are real.")
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder))
        shutil.copy(node.sites, OUT / "sites.toml")
        story.step("hotspot up: portal, RADIUS and telemetry on SQLite; the city is build/demo/sites.toml")
        with node.up() as house:
            wait_until(lambda: sum("listening on" in line for line in house.lines) == 3, "all services listen")
            with node.gateway() as gateway:
                story.step("A phone is sent to the portal, agrees to the terms, and is admitted through RADIUS")
                found = second_site.twice(gateway)
                story.show(f"“{gist(str(found['page']))}”")
                told_of_the_ticket(story, found)
                story.step("hotspot session list, then it is put out over RADIUS")
                story.show(node.run("session", "list"))
                [row] = node.json("session", "list")
                story.show(node.run("session", "disconnect", row["id"][:12]))
                assert not gateway.phone.online
                report(story, node.run)
                story.note(urls={"dashboard": f"http://127.0.0.1:{node.telemetry_port}/", "portal": f"{node.portal}/"})
                stay()


# -- either ------------------------------------------------------------------------------------------------------------


def report(story: Story, run: Callable[..., str]) -> None:
    story.step(f"hotspot report coverage --period {period()}, then hotspot report verify")
    made = json.loads(run("report", "coverage", "--period", period(), "--out", str(OUT / "report"), "--json"))
    checked = run("report", "verify", str(OUT / "report")).splitlines()
    story.show(f"{made['sites']} sites, provisional as the month is not over; {len(checked) - 2} checks. {checked[-1]}")
    manifest = json.loads((OUT / "report" / "manifest.json").read_text())
    assert manifest["provisional"] is True, "the month is not over"
    story.note(report=made)


def urls(status_page: str) -> dict[str, str]:
    """What a browser outside the bed opens while the demo is up."""
    if ONCE:
        return {}
    portal, telemetry = (os.environ.get(f"DEMO_{name}", "") for name in ("PORTAL", "TELEMETRY"))
    return {"dashboard": f"{telemetry}/", "second phone's page": portal + status_page} if portal else {}


def ending(story: Story) -> None:
    """What to open, and how it ends."""
    print("Open in a browser:")
    found = dict(story.notes.get("urls", {}))
    if "screenshot" in story.notes:
        found["portal's page as the phone saw it"] = Path(story.notes["screenshot"]).as_uri()
    found["coverage report"] = (OUT / "report" / "laporan.pdf").as_uri()
    found["all of this as JSON"] = (OUT / "demo.json").as_uri()
    width = max(map(len, found))
    for name, url in found.items():
        print(f"  {name:{width}}  {url}")
    if not ONCE:
        pid = os.environ.get("DEMO_PID", os.getpid())
        print(f"It stays up. Ctrl-C (or: kill {pid}) ends it and leaves build/demo alone; ONCE=1 does not stay.")
    sys.stdout.flush()


def tell(story: Story) -> None:
    """Writes demo.json, says what to open, and stays until it is interrupted."""
    story.write(None)
    ending(story)
    if not ONCE:
        while True:
            signal.pause()


def interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """0 when all was shown, 130 when it was interrupted before."""
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():  # not the folder itself, which is open outside
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)  # also where a shell ignores it for what runs in the background
    story = Story(OUT / "demo.json")
    show = on_loopback if "--without-namespaces" in sys.argv else in_the_bed
    story.note(mode="loopback" if show is on_loopback else "bed", once=ONCE)
    try:
        show(story, partial(tell, story))
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\nEnded.")
        return 0 if story.told else 130
    except BaseException as error:
        story.write(repr(error))
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
