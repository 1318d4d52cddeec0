"""The BinAuth script and the agent as they are rendered, run by dash and by busybox against `hotspot.nas`."""

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from controller.kinds import render
from hotspot.city.inventory import load
from hotspot.nas import opennds, opennds_agent
from tests.bed.city import AP, GATEWAY, sites_toml

AGENT_KEY = b"an-agent-key-0123456789"
MAC, TOKEN, GRANT = "02:00:00:00:00:01", "2de1e020", "ab" * 16
HID = hashlib.sha256(TOKEN.encode()).hexdigest()
KEY = opennds.derive(AGENT_KEY, opennds.BINAUTH_LABEL)
LIMITS = {"seconds": 7200, "up_kbit": 1000, "down_kbit": 5000, "up_kib": 0, "down_kib": 102400}
PASS = opennds.make_pass(KEY, GRANT, MAC, HID, **LIMITS)
ANSWER = "7200 1000 5000 0 102400"
SHELLS = (["dash"], ["busybox", "sh"])


def script(name: str, folder: Path, portal: str = "http://portal.test:8000") -> Path:
    """A rendered script whose /run/nirkabel and nft are below `folder`."""
    secrets = {"env:BED_FAS": b"0123456789abcdef", "env:BED_AGENT": AGENT_KEY}
    desired = render(load(sites_toml(portal=portal)), AP, secrets)
    text = next(file.data for file in desired.files if file.path.endswith(f"/{name}")).decode()
    path = folder / name
    path.write_text(text.replace("/run/nirkabel", f"{folder}/run").replace("/usr/sbin/nft", f"{folder}/bin/nft"))
    return path


def tool(folder: Path, name: str, text: str) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / "bin" / name).chmod(0o755)


@pytest.fixture(params=SHELLS, ids=["dash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    tool(tmp_path, "nft", f'echo "$@" >>{tmp_path}/nft.log')
    return list(request.param)


def binauth(shell: list[str], folder: Path, *arguments: str) -> str:
    path = f"{folder}/bin:{os.environ['PATH']}"
    done = subprocess.run(
        [*shell, str(script("binauth", folder)), *arguments],
        capture_output=True,
        text=True,
        env={"PATH": path},
        timeout=60,
        check=True,  # openNDS admits when it fails, so it never may
    )
    assert done.stderr == ""
    return done.stdout.strip()


def ask(shell: list[str], folder: Path, custom: str, mac: str = MAC, token: str = TOKEN) -> str:
    return binauth(shell, folder, "auth_client", mac, "http%3a%2f%2fx", "ua%2f1", "10.210.0.9", token, custom)


def test_a_valid_pass_gives_its_limits(shell: list[str], tmp_path: Path) -> None:
    assert ask(shell, tmp_path, PASS) == ANSWER
    assert ask(shell, tmp_path, PASS, mac=MAC.upper()) == ANSWER


@pytest.mark.parametrize("field", range(8))
def test_a_pass_with_one_field_changed_is_refused(shell: list[str], tmp_path: Path, field: int) -> None:
    parts = PASS.split(".")
    last = parts[field][-1]
    parts[field] = parts[field][:-1] + ("1" if last == "0" else "0")
    assert ask(shell, tmp_path, ".".join(parts)) == ""


@pytest.mark.parametrize(
    "custom",
    [
        "",
        "bmE=",
        "abc",
        "1",
        "........",
        "1.......",
        PASS + ".",
        "." + PASS,
        PASS + ".1",
        PASS.upper(),
        PASS[:-1],
        PASS + "0",
        PASS.replace(".7200.", ".-1."),
        PASS.replace(".7200.", ".$(reboot)."),
        f"{PASS}\n{PASS}",
        "*",
        "-n",
        "1." + "a" * 5000,
    ],
)
def test_anything_else_is_refused(shell: list[str], tmp_path: Path, custom: str) -> None:
    assert ask(shell, tmp_path, custom) == ""


def test_a_pass_opens_one_session_of_one_device(shell: list[str], tmp_path: Path) -> None:
    assert ask(shell, tmp_path, PASS, mac="02:00:00:00:00:02") == ""
    assert ask(shell, tmp_path, PASS, token="2de1e021") == ""
    assert ask(shell, tmp_path, PASS, token="") == ""
    assert binauth(shell, tmp_path, "auth_client") == ""
    assert binauth(shell, tmp_path) == ""


def test_keys_of_any_bytes_are_carried_exactly(tmp_path: Path) -> None:
    """The pads hold every byte value at some key: NUL, line ends, percent signs, backslashes."""
    for number in range(12):
        agent_key = bytes((number * 7 + i) % 256 for i in range(16, 40))
        desired = render(load(sites_toml()), AP, {"env:BED_FAS": b"0123456789abcdef", "env:BED_AGENT": agent_key})
        path = tmp_path / "binauth"
        path.write_bytes(next(file.data for file in desired.files if file.path.endswith("/binauth")))
        custom = opennds.make_pass(opennds.derive(agent_key, "binauth"), GRANT, MAC, HID, **LIMITS)
        for command in SHELLS:
            arguments = ["auth_client", MAC, "r", "ua", "10.0.0.1", TOKEN, custom]
            done = subprocess.run([*command, str(path), *arguments], capture_output=True, text=True, check=True)
            assert done.stdout.strip() == ANSWER


def test_only_an_admission_with_a_valid_pass_opens_the_gate(shell: list[str], tmp_path: Path) -> None:
    tool(tmp_path, "ndsctl", "true")
    log = tmp_path / "nft.log"
    binauth(shell, tmp_path, "client_auth", MAC, "0", "0", "1", "2", TOKEN, "bmE=")
    assert log.read_text().splitlines() == [f"delete element inet nirkabel admitted {{ {MAC} }}"], "it stays shut"
    binauth(shell, tmp_path, "client_auth", MAC, "0", "0", "1", "2", TOKEN, PASS)
    assert log.read_text().splitlines()[-1] == f"add element inet nirkabel admitted {{ {MAC} timeout 7200s }}"
    binauth(shell, tmp_path, "timeout_deauth", MAC, "10", "20", "1", "2", TOKEN, PASS)
    assert log.read_text().splitlines()[-1] == f"delete element inet nirkabel admitted {{ {MAC} }}"


def test_events_are_spooled_for_the_agent(shell: list[str], tmp_path: Path) -> None:
    binauth(shell, tmp_path, "timeout_deauth", MAC, "10", "20", "1", "2", TOKEN, PASS)
    binauth(shell, tmp_path, "idle_deauth", MAC, "null", "", "1 2", "x", "", "a b\nc")
    for mac in ("no mac", "xx:yy:zz:00:00:01", "02:00:00:00:00:01:02"):
        binauth(shell, tmp_path, "idle_deauth", mac, "1", "2", "3", "4", TOKEN, PASS)
    assert (tmp_path / "run/spool").read_text().splitlines() == [
        f"event timeout_deauth {MAC} 10 20 1 2 {TOKEN} {PASS}",
        f"event idle_deauth {MAC} 0 0 0 0 - -",
    ]


# -- the agent ---------------------------------------------------------------------------------------------------


class Portal:
    """Answers an agent's posts on loopback; keeps what came in."""

    def __init__(self) -> None:
        self.posts: list[opennds_agent.Post] = []
        self.orders: list[str] = ["ok"]
        self.key = opennds.derive(AGENT_KEY, opennds.AGENT_LABEL)
        self.sequence_shift = 0
        self.status = 200
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert self.path == f"/agent/{GATEWAY}"
                post = opennds_agent.parse_post(opennds.derive(AGENT_KEY, opennds.AGENT_LABEL), text)
                portal.posts.append(post)
                body = opennds_agent.answer(portal.key, post.sequence + portal.sequence_shift, portal.orders).encode()
                self.send_response(portal.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def portal() -> Iterator[Portal]:
    one = Portal()
    yield one
    one.close()


LISTING = f"""{{
  "client_list_length":"1",
  "clients":{{
    "{MAC}":{{ "mac":"{MAC}", "token":"{TOKEN}",
      "session_start":"100",
      "state":"Authenticated",
      "custom":"{PASS}",
      "download_this_session":"3", "upload_this_session":"0"
    }}
  }}
}}"""
ONE = f'{{\n  "state":"Authenticated",\n  "custom":"{PASS}",\n}}'


class Router:
    def __init__(self, shell: list[str], folder: Path, portal: Portal):
        self.folder = folder
        self._shell = shell
        self._script = script("agent", folder, portal.url)
        self.opennds(LISTING, ONE)

    def opennds(self, listing: str, one: str) -> None:
        tool(
            self.folder,
            "ndsctl",
            f'echo "$@" >>{self.folder}/ndsctl.log\ncase "$*" in\n'
            f"json) cat <<X\n{listing}\nX\n;;\njson*) cat <<X\n{one}\nX\n;;\nesac",
        )

    def round(self) -> str:
        """One round of the agent; what it complained about."""
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        command = [*self._shell, str(self._script), "once"]
        return subprocess.run(
            command, capture_output=True, text=True, env={"PATH": path}, timeout=120, check=False
        ).stderr

    def event(self, method: str) -> None:
        path = self.folder / "run/spool"
        with path.open("a") as file:
            file.write(f"event {method} {MAC} 1 2 3 4 {TOKEN} {PASS}\n")

    @property
    def put_out(self) -> bool:
        log = self.folder / "ndsctl.log"
        return log.exists() and f"deauth {MAC}" in log.read_text()


@pytest.fixture
def router(shell: list[str], tmp_path: Path, portal: Portal) -> Router:
    return Router(shell, tmp_path, portal)


def test_a_post_says_what_openNDS_counts(router: Router, portal: Portal) -> None:  # noqa: N802
    assert router.round() == ""
    post = portal.posts[0]
    assert post.clients is not None
    assert (post.clients[0].mac, post.clients[0].down, post.clients[0].custom) == (MAC, 3072, PASS)
    assert post.uptime > 0
    assert len(post.boot_id) == 36
    router.round()
    assert portal.posts[1].sequence > post.sequence


def test_a_post_is_a_heartbeat_without_opennds(router: Router, portal: Portal) -> None:
    for listing in ("", "ndsctl is locked by another process"):
        router.opennds(listing, "")
        router.round()
        assert portal.posts[-1].clients is None


def test_no_event_is_lost_while_the_portal_is_away(router: Router, portal: Portal) -> None:
    router.round()
    portal.status = 503
    for method in ("idle_deauth", "timeout_deauth"):
        router.event(method)
        assert "not reached" in router.round()
    portal.status = 200
    router.event("client_auth")
    router.round()
    assert [event.method for event in portal.posts[-1].events] == ["idle_deauth", "timeout_deauth", "client_auth"]
    router.round()
    assert portal.posts[-1].events == ()


def test_an_order_is_carried_out_and_reported(router: Router, portal: Portal) -> None:
    portal.orders = ["ok", f"deauth {'c' * 32} {MAC} {GRANT}"]
    router.round()
    assert router.put_out
    portal.orders = ["ok"]
    router.round()
    assert portal.posts[-1].done == (("c" * 32, True),)
    router.round()
    assert not portal.posts[-1].done


def test_a_client_with_another_grant_stays(router: Router, portal: Portal) -> None:
    portal.orders = ["ok", f"deauth {'c' * 32} {MAC} {'d' * 32}"]
    router.round()
    assert not router.put_out
    portal.orders = ["ok", f"deauth {'c' * 32} {MAC} -"]
    router.round()
    assert router.put_out
    assert portal.posts[-1].done == (("c" * 32, True),), "a client that no longer has the grant is out"


@pytest.mark.parametrize("fault", ["key", "sequence"])
def test_an_answer_that_is_not_the_portals_is_not_obeyed(router: Router, portal: Portal, fault: str) -> None:
    (router.folder / "run").mkdir(exist_ok=True)
    router.event("idle_deauth")
    portal.orders = ["ok", f"deauth {'c' * 32} {MAC} -"]
    if fault == "key":
        portal.key = bytes(32)
    else:
        portal.sequence_shift = -1
    assert "not the portal's" in router.round()
    assert not router.put_out
    portal.key, portal.sequence_shift, portal.orders = opennds.derive(AGENT_KEY, "agent"), 0, ["ok"]
    router.round()
    assert len(portal.posts[-1].events) == 1


@pytest.mark.parametrize(
    "order",
    [
        "deauth x;reboot 02:00:00:00:00:01 -",
        "deauth cc $(reboot) -",
        "deauth cc 02:00:00:00:00:01 `x`",
        "deauth cc 02:00:00:00:00:01 - more",
        "reboot",
        "deauth",
    ],
)
def test_an_order_with_anything_but_ids_is_ignored(router: Router, portal: Portal, order: str) -> None:
    portal.orders = ["ok", order]
    router.round()
    assert not router.put_out


def test_a_clock_that_went_back_is_put_right_by_the_portal(router: Router, portal: Portal) -> None:
    (router.folder / "run").mkdir(exist_ok=True)
    router.event("idle_deauth")
    portal.orders = ["again 99999999999"]
    router.round()
    portal.orders = ["ok"]
    router.round()
    assert portal.posts[-1].sequence == 100000000000
    assert len(portal.posts[-1].events) == 1
