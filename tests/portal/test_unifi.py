"""Guests of a UniFi controller through the real portal. The controller is a stand-in, NOT the real one."""

import hashlib
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hotspot.admission.grant import local_day
from hotspot.errors import PeerError
from hotspot.nas.entries import UnifiGateway
from portal.channels.unifi import Controller
from portal.peers.patience import Patience, asked_for
from portal.peers.web import Answer, Request, send
from tests.browser import Browser, Page
from tests.doubles.unifi import PASSWORD, USER, UnifiDouble
from tests.node import Node, free_port

GATEWAY = "smpn11-gw"
Place = tuple[Node, UnifiDouble]


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not in time: {what}")


def unifi_node(folder: Path, port: int, *, console: bool = False, extra: str = "") -> Node:
    """The example city with a UniFi controller in the place of its MikroTik."""
    radius = 'radius = { sources = ["10.20.4.2/32"], secret = "env:SMPN11_RADIUS", coa = "10.20.4.2:3799" }'
    entry = (
        f'controller = "http://127.0.0.1:{port}"\nconsole = {str(console).lower()}\nuser = "{USER}"\n'
        f'password = "env:UNIFI_PASSWORD"\npoll = "1s"{extra}'
    )
    node = Node(folder, {'nas = "mikrotik"': 'nas = "unifi"', radius: entry, 'login = "http://10.213.0.1/login"': ""})
    with (folder / "state" / "hotspot.env").open("a") as file:
        file.write(f'UNIFI_PASSWORD="{PASSWORD}"\n')
    node.activate()
    return node


@pytest.fixture(scope="module", params=[False, True], ids=["self-hosted", "console"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    port = free_port()
    node = unifi_node(tmp_path_factory.mktemp("unifi"), port, console=request.param)
    with UnifiDouble(console=request.param, port=port) as controller, node.service("portal"):
        yield node, controller


def log_in(node: Node, controller: UnifiDouble, mac: str, code: str = "") -> Page:
    browser = Browser()
    page = browser.open(controller.redirect(mac, node.portal))
    assert page.status == 200
    code = code or node.json("voucher", "create", "--site", "smpn-11", "--plan", "sekolah")["codes"][0]
    return browser.submit(page, page.form(method="voucher"), code=code)


def online(page: Page) -> Callable[[], bool]:
    return lambda: "Anda tersambung" in Browser().open(page.url).text


def running(node: Node) -> list[Any]:
    return [row for row in node.json("session", "list") if row["gateway"] == GATEWAY]


def test_a_whole_visit(place: Place) -> None:
    node, controller = place
    mac = "02:aa:00:00:04:01"
    guest = controller.join(mac)
    guest.down, guest.up = 40_000, 9_000
    page = log_in(node, controller, mac)
    assert "Menyambungkan" in page.text
    assert page.headers["Refresh"] == "2"
    until(online(page), "online")
    assert guest.authorized
    command = next(one for one in controller.commands if one["mac"] == mac)
    assert (command["cmd"], command["ap_mac"], command["down"], command["up"]) == (
        "authorize-guest", "02:00:5e:aa:bb:05", 10_000, 4_000,
    )  # fmt: skip
    now = int(time.time())
    until_midnight = -(-(local_day(now, ZoneInfo("Asia/Jakarta"))[1] - now) // 60)  # a day's data ends with the day
    assert min(480, until_midnight) <= command["minutes"] <= min(480, until_midnight + 1)
    guest.down, guest.up = 40_000 + 300_000_000, 9_000 + 20_000_000
    until(lambda: "300 MB unduh, 20 MB unggah" in Browser().open(page.url).text, "what was used since the login")
    [row] = [row for row in running(node) if row["down"] == 300_000_000]
    assert row["site"] == "smpn-11"

    page = Browser().open(page.url)
    Browser().submit(page, page.form_to("logout"))
    until(lambda: not guest.authorized, "put out")
    until(lambda: not [row for row in running(node) if row["down"] == 300_000_000], "its session has ended")


def test_an_ok_that_is_late_and_one_that_is_none(place: Place) -> None:
    node, controller = place
    slow = controller.join("02:aa:00:00:04:02")
    controller.lag = 3600.0
    page = log_in(node, controller, slow.mac)
    assert "Menyambungkan" in Browser().open(page.url).text
    controller.lag = 0.0
    slow.authorized_from = time.time()
    until(online(page), "online in the end")
    lost = controller.join("02:aa:00:00:04:03")
    controller.deaf = 2
    page = log_in(node, controller, lost.mac)
    until(online(page), "asked for until it is in force")
    assert len([one for one in controller.commands if one["mac"] == lost.mac]) == 3


def test_a_login_that_ran_out_is_made_again(place: Place) -> None:
    node, controller = place
    before = controller.logins
    controller.sessions.clear()
    guest = controller.join("02:aa:00:00:04:04")
    until(online(log_in(node, controller, guest.mac)), "online")
    assert controller.logins > before


def test_who_has_used_up_the_data_is_put_out_by_order(place: Place) -> None:
    node, controller = place
    guest = controller.join("02:aa:00:00:04:05")
    code = node.json("voucher", "create", "--site", "smpn-11", "--plan", "sekolah")["codes"][0]
    until(online(log_in(node, controller, guest.mac, code)), "online")
    guest.down = 2_100_000_000
    until(lambda: not guest.authorized, "put out")
    assert {"cmd": "unauthorize-guest", "mac": guest.mac} in controller.commands
    page = log_in(node, controller, guest.mac, code)
    assert (page.status, "sudah habis" in page.alert) == (403, True)


def test_two_logins_in_one_association_are_not_counted_twice(place: Place) -> None:
    node, controller = place
    guest = controller.join("02:aa:00:00:04:06")
    page = log_in(node, controller, guest.mac)
    until(online(page), "online")
    guest.down = 100_000_000
    until(lambda: "100 MB unduh" in Browser().open(page.url).text, "counted")
    page = Browser().open(page.url)
    Browser().submit(page, page.form_to("logout"))
    until(lambda: not guest.authorized, "put out")
    page = log_in(node, controller, guest.mac)
    until(online(page), "online again")
    guest.down = 130_000_000
    assert until(lambda: "30 MB unduh" in Browser().open(page.url).text, "only what came since")


def test_guests_of_others_are_left_alone(place: Place) -> None:
    _node, controller = place
    other = controller.join("02:aa:00:00:04:07")
    other.authorized_until = time.time() + 600
    time.sleep(3)
    assert other.authorized


def test_a_redirect_of_an_unknown_site_opens_nothing(place: Place) -> None:
    node, controller = place
    elsewhere, bare = controller.redirect("02:aa:00:00:04:08", node.portal, "elsewhere"), "/guest/s/default/"
    for url, statuses in ((elsewhere, (400, 404)), (f"{node.portal}{bare}", (200,))):  # without a word: led on
        page = Browser().open(url)
        assert page.status in statuses
        assert not page.forms


def test_a_controller_that_is_away_is_told_and_asked_again(tmp_path: Path) -> None:
    port = free_port()
    node = unifi_node(tmp_path, port)
    with node.service("portal") as service:
        controller = UnifiDouble(port=port)
        guest = controller.join("02:aa:00:00:04:09")
        page = log_in(node, controller, guest.mac)
        service.wait_for("gateway not served")
        assert "Menyambungkan" in Browser().open(page.url).text
        with controller:
            until(online(page), "online")
    log = "".join(service.lines)
    assert PASSWORD not in log
    assert guest.mac not in log
    refused = [line for line in service.lines if "gateway not served" in line and "refused" in line]
    assert len(refused) == 1, "the same trouble is told once"  # another one is a controller that ends in the middle


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(crt)],
        check=True, capture_output=True,
    )  # fmt: skip
    return crt, key


def test_a_certificate_is_trusted_by_its_fingerprint_alone(tmp_path: Path) -> None:
    right = certificate(tmp_path, "unifi")
    shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(right[0].read_text())).hexdigest()
    with UnifiDouble(certificate=right) as controller:
        request = Request("POST", f"{controller.url}/api/login", {}, f'{{"username":"{USER}","password":"{PASSWORD}"}}')
        colons = ":".join(shown[i : i + 2] for i in range(0, 64, 2)).upper()
        assert send(request, fingerprint=colons).status == 200
        for fingerprint in ("0" * 64, None):
            with pytest.raises(PeerError, match="certificate"):
                send(request, fingerprint=fingerprint)
        assert controller.logins == 1, "nothing was sent to a stranger"


# -- sessions with a controller ----------------------------------------------------------------------------------------


class Api:
    """The portal's side of a controller's API, with a clock that the test moves."""

    def __init__(self, controller: UnifiDouble):
        self.now = 0.0
        self.gateway = UnifiGateway(
            id="gw", nas="unifi", controller=controller.url, console=controller.console, user=USER, password="env:PW"
        )
        self.api = Controller(self.gateway, PASSWORD, Patience(lambda: self.now))

    def let_in(self, mac: str) -> None:
        self.api.call("cmd/stamgr", {"cmd": "authorize-guest", "mac": mac, "minutes": 5})


@pytest.mark.parametrize("inside", [False, True])
def test_a_token_that_is_renewed_is_taken(inside: bool) -> None:
    with UnifiDouble(console=True, rotates=True, inside=inside) as controller:
        api = Api(controller)
        for number in range(4):
            api.let_in(controller.join(f"02:aa:00:00:05:0{number}").mac)
        assert all(guest.authorized for guest in controller.guests.values())
        assert controller.logins == 1


def test_a_token_that_is_refused_is_asked_for_anew_once() -> None:
    with UnifiDouble(console=True) as controller:
        api = Api(controller)
        api.let_in(controller.join("02:aa:00:00:05:01").mac)
        controller.token = "another"  # the console was restarted, say
        api.let_in(controller.join("02:aa:00:00:05:02").mac)
        assert controller.guests["02:aa:00:00:05:02"].authorized
        assert controller.logins == 2


def test_a_login_that_is_refused_is_not_tried_again_at_once() -> None:
    """Or the console locks the account, and with it everybody who uses it."""
    with UnifiDouble(console=True, password="changed there") as controller:
        api = Api(controller)
        with pytest.raises(
            PeerError, match=r"does not let nirkabel log in \(403\): check user and password \(env:PW\)"
        ):
            api.api.stations()
        for second in range(60):
            api.now = float(second)
            with pytest.raises(PeerError, match="log in"):
                api.api.stations()
        assert controller.logins == 4, "after 5, 10 and 20 s"
        controller.password = PASSWORD
        api.now += 300
        assert api.api.stations() == []


@pytest.mark.parametrize(("pause", "seconds"), [("7", 7), ("", 30), ("soon", 30), ("99999999999", 3600)])
def test_a_controller_that_asks_for_patience_gets_it(pause: str, seconds: int) -> None:
    with UnifiDouble(busy=1, pause=pause) as controller:
        api = Api(controller)
        said = set()
        for api.now in (0.0, 1.0, seconds - 0.5):
            with pytest.raises(PeerError, match="asks to be left alone until") as caught:
                api.api.stations()
            said.add(str(caught.value))
        assert controller.asked == 1
        assert len(said) == 1, "the same trouble is told once"
        api.now = seconds + 0.5
        assert api.api.stations() == []


def test_how_long_a_server_asks_for() -> None:
    def asks(status: int, value: str | None) -> int | None:
        return asked_for(Answer(status, {} if value is None else {"retry-after": value}, ""), 1_000_000_000)

    assert asks(200, "7") is None
    assert (asks(503, None), asks(503, "7"), asks(429, "0")) == (None, 7, 0)
    assert asks(429, "Sun, 09 Sep 2001 01:47:00 GMT") == 20
    assert asks(429, "Sun, 09 Sep 2001 01:46:00 GMT") == 0
    assert (asks(429, "-5"), asks(429, "٣"), asks(429, "Sun, 99 Sep 2001 01:46:00 GMT")) == (30, 30, 30)
