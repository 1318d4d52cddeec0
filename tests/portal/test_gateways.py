"""The portal's side of openNDS over HTTP: phones at levels 1 to 3, agent posts, authmon. The router's side is signed
and written by hand here; tests/system has the real openNDS.
"""

import hashlib
import hmac
import http.client
import json
import secrets
import time
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from hotspot.nas import opennds
from tests.browser import Browser, Page
from tests.node import Node


class Router:
    """What a router with one phone knows."""

    def __init__(self, node: Node, gateway: str, secret: str):
        self.node, self.gateway = node, gateway
        self.address = {"sman2-gw": "10.212.0.1:2050", "serpong1-gw": "10.214.0.1:2050"}.get(gateway, "")
        self.key = opennds.derive(node.secret(f"{secret}_AGENT"), opennds.AGENT_LABEL)
        self.fas_key = node.secret(f"{secret}_FAS")
        self.sequence = int(time.time())
        self.arrive()

    def arrive(self) -> None:
        self.token = secrets.token_hex(4)
        self.mac = "02:" + ":".join(f"{secrets.randbelow(256):02x}" for _ in range(5))
        self.started = int(time.time())
        self.hid = hashlib.sha256(self.token.encode()).hexdigest()

    def fas(self) -> str:
        text = (
            f"hid={self.hid}, clientip=10.210.0.7, clientmac={self.mac}, client_type=cpd_can, gatewayname=Park%20, "
            f"gatewayurl=http%3a%2f%2fstatus.client, version=9.10.0, gatewayaddress={self.address}, "
            "gatewaymac=02005eaabb03, originurl=http%3a%2f%2finternet.test%2f, clientif=br-lan, themespec=(null)"
        )
        return f"{self.node.portal}/g/{self.gateway}?{urlencode({'fas': b64encode(text.encode()).decode()})}"

    def client(self, custom: str, down_kib: int = 0) -> dict[str, str]:
        return {
            "mac": self.mac, "ip": "10.210.0.7", "token": self.token, "state": "Authenticated",
            "session_start": str(self.started), "session_end": str(self.started + 60), "custom": custom,
            "download_this_session": str(down_kib), "upload_this_session": "0",
        }  # fmt: skip

    def post(self, *lines: str, clients: list[dict[str, str]] | None = None) -> list[str]:
        """A post as the agent makes it: told `again N`, it goes on from there. The lines of the answer."""
        self.sequence = max(self.sequence + 1, int(time.time()))
        answer = self.post_as(self.sequence, *lines, clients=clients)
        if answer[0].startswith("again "):
            self.sequence = int(answer[0].split()[1]) + 1
            answer = self.post_as(self.sequence, *lines, clients=clients)
        return answer

    def post_as(self, sequence: int, *lines: str, clients: list[dict[str, str]] | None = None) -> list[str]:
        """One post with this sequence; the lines of the answer, whose signature is checked."""
        listing = "" if clients is None else json.dumps({"clients": {entry["mac"]: entry for entry in clients}})
        body = "\n".join(["boot b", "uptime 90000", *lines, "json", listing])
        code = hmac.new(self.key, f"post|{sequence}|{body}".encode(), hashlib.sha256).hexdigest()
        status, answer = self.raw(f"1 {sequence} {code}\n{body}")
        assert status == 200, answer
        head, _, rest = answer.partition("\n")
        expected = hmac.new(self.key, f"answer|{sequence}|{rest}".encode(), hashlib.sha256).hexdigest()
        assert head == f"1 {sequence} {expected}"
        return rest.splitlines()

    def raw(self, text: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.node.portal_port, timeout=60)
        connection.request("POST", f"/agent/{self.gateway}", text.encode(), {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def authmon(self, action: str) -> str:
        return Browser().open(f"{self.node.portal}/g/{self.gateway}", {"auth_get": action, "payload": "bm9uZQ=="}).html


@pytest.fixture
def school(node: Node) -> Router:
    return Router(node, "sman2-gw", "SMAN2")


def log_in(router: Router, site: str = "sman-2", plan: str = "sekolah") -> tuple[Page | None, str, str]:
    """A voucher login at the router's portal: the pass in the URL that the phone is sent to."""
    code = router.node.json("voucher", "create", "--site", site, "--plan", plan)["codes"][0]
    browser = Browser()
    page = browser.open(router.fas())
    form = page.form(method="voucher")
    connection = http.client.HTTPConnection("127.0.0.1", router.node.portal_port, timeout=60)
    connection.request(
        "POST",
        "/login",
        urlencode({**form.fields, "code": code}),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 303
    url = answer.getheader("Location") or ""
    query = parse_qs(urlsplit(url).query)
    return page, query.get("custom", [""])[0], url


def sessions(node: Node, mac_router: Router) -> list[Any]:
    wanted = f"{mac_router.token}-{mac_router.started}"
    return [row for row in node.json("session", "list", "--all") if row["acct_session_id"] == wanted]


def test_level_1_hands_back_with_a_pass(school: Router) -> None:
    _, custom, url = log_in(school)
    grant = opennds.pass_grant(custom)
    assert grant is not None
    assert url.startswith("http://10.212.0.1:2050/opennds_auth/?")
    query = parse_qs(urlsplit(url).query)
    assert query["tok"] == [opennds.rhid(school.hid, school.fas_key)]
    assert query["redir"][0].startswith(f"{school.node.portal}/s/{grant}")
    key = opennds.derive(school.node.secret("SMAN2_AGENT"), opennds.BINAUTH_LABEL)
    seconds = int(custom.split(".")[2])
    quota = 2 * 10**9 // 1024
    limits = {"seconds": seconds, "up_kbit": 4000, "down_kbit": 10000, "up_kib": quota, "down_kib": quota}
    assert custom == opennds.make_pass(key, grant, school.mac, school.hid, **limits)


def test_the_agent_meters_and_ends_sessions(node: Node, school: Router) -> None:
    _, custom, _ = log_in(school)
    assert school.post(clients=[school.client(custom, 100)]) == ["ok"]
    [row] = sessions(node, school)
    assert (row["site"], row["plan"], row["method"], row["down"]) == ("sman-2", "sekolah", "voucher", 102_400)
    end = f"event timeout_deauth {school.mac} 105000 77 {school.started} {school.started + 60} {school.token} {custom}"
    assert school.post(end, end, clients=[]) == ["ok"]
    [row] = sessions(node, school)
    assert (row["down"], row["up"], row["cause"]) == (105_000, 77, "Session-Timeout")
    assert row["seconds"] < 30, "not older than its grant, whatever the router says"


def test_a_client_that_vanished_is_not_online(node: Node, school: Router) -> None:
    _, custom, _ = log_in(school)
    school.post(clients=[school.client(custom)])
    school.post()
    assert sessions(node, school)[0]["ended_at"] is None
    school.post(clients=[])
    assert sessions(node, school)[0]["cause"] == "Lost-Service"
    time.sleep(1.1)  # two posts of one second could not be told apart
    school.post(clients=[school.client(custom, 5)])
    assert sessions(node, school)[0]["ended_at"] is None


def test_an_admins_order_travels_with_the_answer(node: Node, school: Router) -> None:
    _, custom, _ = log_in(school)
    grant = opennds.pass_grant(custom)
    school.post(clients=[school.client(custom)])
    session = sessions(node, school)[0]["id"]
    ordered = node.call("session", "disconnect", session, "--wait", "0", "--json")
    assert ordered.returncode == 1
    order = json.loads(ordered.stdout)["order"]
    expected = f"deauth {order} {school.mac} {grant}"
    assert school.post(clients=[school.client(custom)]) == ["ok", expected]
    assert school.post(clients=[school.client(custom)]) == ["ok", expected], "until the router says done"
    school.post(f"done {order} ok", clients=[])
    again = node.call("session", "disconnect", session)
    assert "has ended already" in again.stderr


def test_who_is_in_without_a_grant_is_put_out(school: Router) -> None:
    assert school.post(clients=[school.client("bmE=")]) == ["ok", f"deauth - {school.mac} -"]
    foreign = opennds.make_pass(
        b"x" * 32, "f" * 32, school.mac, school.hid, seconds=9, up_kbit=0, down_kbit=0, up_kib=0, down_kib=0
    )
    assert school.post(clients=[school.client(foreign)]) == ["ok", f"deauth - {school.mac} {'f' * 32}"]


def test_logging_out_on_the_page_puts_out_at_the_next_post(school: Router) -> None:
    _, custom, url = log_in(school)
    landing = parse_qs(urlsplit(url).query)["redir"][0]
    school.post(clients=[school.client(custom)])
    browser = Browser()
    page = browser.open(landing)
    assert "Anda tersambung" in page.text
    assert "8 jam" in page.text or "menit" in page.text
    page = browser.submit(page, page.form_to("logout"))
    assert "Sambungan berakhir" in page.text
    assert school.post(clients=[school.client(custom)]) == ["ok", f"deauth - {school.mac} {opennds.pass_grant(custom)}"]


def test_old_and_forged_posts_change_nothing(node: Node, school: Router) -> None:
    _, custom, _ = log_in(school)
    school.post(clients=[school.client(custom)])
    last = school.sequence
    assert school.post_as(last, clients=[]) == [f"again {last}"]
    assert sessions(node, school)[0]["ended_at"] is None
    assert school.raw(f"1 {last + 9} {'0' * 64}\nboot b\n")[0] == 403
    assert Router(node, "tk2-gw", "SMAN2").raw("1 1 x")[0] == 403
    school.gateway = "tk1-gw"
    assert school.raw("1 1 x") == (403, "no-gateway\n")


def test_level_3_is_fetched_by_authmon_and_confirmed_by_the_agent(node: Node) -> None:
    clinic = Router(node, "serpong1-gw", "SERPONG1")
    fas = urlsplit(clinic.fas()).query
    plain = parse_qs(fas)["fas"][0]
    clinic_url = _encrypted(clinic, plain)
    browser = Browser()
    page = browser.open(clinic_url)
    page = browser.submit(page, page.form(method="click-through"))
    assert "Menyambungkan" in page.text
    assert page.headers["Refresh"] == "2"
    listed = clinic.authmon("view")
    assert clinic.authmon("clear") == "ack"
    assert clinic.authmon("view") == listed
    rhid, minutes, *limits, custom = unquote(listed.split(" ")[1]).split(" ")
    assert rhid == opennds.rhid(clinic.hid, clinic.fas_key)
    assert 1 <= int(minutes) <= 180
    assert limits == ["2000", "4000", "488281", "488281"]
    clinic.post(clients=[clinic.client(custom)])
    assert clinic.authmon("view") == "*"
    assert "Anda tersambung" in browser.open(page.url).text
    assert Browser().open(f"{node.portal}/g/sman2-gw", {"auth_get": "view"}).status == 404


def _encrypted(router: Router, fas: str) -> str:
    """The level-1 text as levels 2 and 3 send it."""
    padder = PKCS7(128).padder()
    padded = padder.update(b64decode(fas)) + padder.finalize()
    iv = "0123456789abcdef"
    key = router.fas_key[:32].ljust(32, b"\0")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv.encode())).encryptor()
    text = b64encode(b64encode(encryptor.update(padded) + encryptor.finalize())).decode()
    return f"{router.node.portal}/g/{router.gateway}?{urlencode({'fas': text, 'iv': iv})}"


def test_nobody_can_write_themselves_into_anothers_session(school: Router) -> None:
    """Level 1 proves nothing: who says to be authenticated sees no status page, whose address would log out."""
    log_in(school)
    page = Browser().open(f"{school.fas()}&status=authenticated")
    assert "/s/" not in "".join(page.visited)
    assert (page.status, page.forms) == (200, [])


def test_used_up_data_is_an_order_in_the_same_answer(school: Router) -> None:
    _, custom, _ = log_in(school)
    answer = school.post(clients=[school.client(custom, 3 * 10**6)])
    assert answer[0] == "ok"
    assert [line.split()[0::2] for line in answer[1:]] == [["deauth", school.mac]]
