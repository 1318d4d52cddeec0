"""Whoever sends slowly, or not at all, holds up nobody else."""

import http.client
import socket
import time
from collections.abc import Callable

import pytest

from tests.browser import Browser
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node
from tests.slow import Slow, post, quickest, wait_until

from .test_gateways import Router
from .test_journeys import log_in

SENDERS = 1500
FORM = 500
HONEST = 1.0
"""Seconds in which a phone logs in: the page, the form, its gateway and RADIUS."""
_CUT, _CLOSED = (7.0, 9.5), (4.0, 7.0)
"""Between how many seconds a body is cut, and a connection closed that has not asked anything."""


def address(number: int) -> str:
    return f"198.18.{number // 250}.{number % 250 + 1}"


@pytest.fixture
def all_are_served(node: Node, gateway: CoovaChilliDouble) -> Callable[[], None]:
    """That a phone logs in, an agent is answered and the portal is found healthy, each in time."""
    router = Router(node, "sman2-gw", "SMAN2")

    def visit() -> None:
        log_in(gateway, "click-through")
        assert gateway.phone.online
        gateway.stop("User-Request")

    def look() -> None:
        assert quickest(visit, HONEST) < HONEST
        assert quickest(lambda: router.post(clients=[]), HONEST) < HONEST
        assert quickest(lambda: Browser().open(f"{node.portal}/healthz"), HONEST) < HONEST
        assert Browser().open(f"{node.portal}/healthz").html == "ok\n"

    return look


def test_stalled_bodies_hold_up_nobody_and_are_cut(node: Node, all_are_served: Callable[[], None]) -> None:
    """From as many addresses, at forms and at the agents' door alike; and bodies that come a byte at a time."""
    all_are_served()
    paths = ("/login", "/g/serpong1-gw", "/agent/sman2-gw", "/report", "/nowhere")
    with Slow(node.portal_port) as slow:
        slow.begin(post(paths[n % len(paths)], address(n), FORM, b"form=" if n % 2 else b"") for n in range(SENDERS))
        all_are_served()
        for dripping in slow.begun[:50]:
            dripping.send(b"x")
        ends = slow.all_ended(within=15)
    assert all(_CUT[0] < end.seconds < _CUT[1] for end in ends), (
        min(e.seconds for e in ends),
        max(e.seconds for e in ends),
    )
    assert {end.said[:12] for end in ends} == {b"HTTP/1.1 408"}
    all_are_served()


def test_whoever_holds_most_gives_way_and_no_honest_neighbour(node: Node, gateway: CoovaChilliDouble) -> None:
    """600 stalled bodies of one address, behind which phones log in too: its oldest make room."""
    with Slow(node.portal_port) as slow:
        slow.begin(post("/login", address(0), FORM, b"form=") for _ in range(600))
        wait_until(lambda: len(slow.ends) == 88, within=5)
        assert {end.said[:12] for end in slow.ends} == {b"HTTP/1.1 408"}
        assert quickest(lambda: log_in(gateway, "click-through"), HONEST) < HONEST


def test_an_ipv6_network_is_one_sender(node: Node) -> None:
    with Slow(node.portal_port) as slow:
        slow.begin(post("/login", f"2001:db8:1:2::{n:x}", FORM, b"") for n in range(1, 601))
        wait_until(lambda: len(slow.ends) == 88, within=5)


def test_heads_that_do_not_end_hold_up_nobody(node: Node, all_are_served: Callable[[], None]) -> None:
    """Also connections that say nothing, or begin another HTTP."""
    texts = (b"", b"G", b"GET / HTTP/1.1\r\nHost:", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\nHost: portal.test\r\n")
    with Slow(node.portal_port) as slow:
        slow.begin(texts[n % len(texts)] for n in range(SENDERS))
        all_are_served()
        ends = slow.all_ended(within=15)
    late = [end for end in ends if end.seconds > _CLOSED[1]]
    assert not late, late[:3]


def test_answers_that_nobody_reads_hold_up_nobody(node: Node, all_are_served: Callable[[], None]) -> None:
    deaf = []
    try:
        for _ in range(300):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sock.connect(("127.0.0.1", node.portal_port))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n" * 5)
            deaf.append(sock)
        all_are_served()
    finally:
        for sock in deaf:
            sock.close()


def _said(node: Node, text: bytes, *, ends: bool = False) -> bytes:
    """What the portal answers to these bytes until it closes the connection."""
    with socket.create_connection(("127.0.0.1", node.portal_port), timeout=20) as sock:
        sock.sendall(text)
        if ends:
            sock.shutdown(socket.SHUT_WR)
        got = b""
        while piece := sock.recv(65536):
            got += piece
    return got


_HEAD = "1 {} {}\n".format(int(time.time()), "0" * 64).encode()
_CHUNKED = b"POST /login HTTP/1.1\r\nHost: portal.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nform=\r\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (post("/login", "198.18.0.1", 64 * 1024 + 1, b""), 413),
        (post("/agent/sman2-gw", "198.18.0.1", 1024 * 1024 + 1, b""), 413),
        (post("/agent/sman2-gw", "198.18.0.1", 64 * 1024 + 1, b"x" * 200), 413),
        (post("/agent/sman2-gw", "198.18.0.1", 70_000, (_HEAD + b"x" * 70_000)[:70_000], "Connection: close"), 403),
        (_CHUNKED, 411),
        (b"POST /login HTTP/1.1\r\nHost: portal.test\r\n\r\n", 411),
        (b"POST /login HTTP/1.1\r\nHost: portal.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 400),
    ],
)
def test_what_cannot_be_a_form_is_refused_before_it_is_read(node: Node, text: bytes, status: int) -> None:
    answer = _said(node, text)
    assert answer.startswith(b"HTTP/1.1 %d" % status), answer[:200]
    assert b"connection: close" in answer.lower()


def test_half_a_form_is_no_form(node: Node) -> None:
    assert not _said(node, post("/report", "198.18.0.1", 500, b"text=half"), ends=True).startswith(b"HTTP/1.1 2")


def test_a_connection_serves_one_form_after_the_other(node: Node) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", node.portal_port, timeout=20)
    for body in ("form=", "form=2", "", "x" * 60_000):
        connection.request("POST", "/login", body, {"Content-Type": "application/x-www-form-urlencoded"})
        first = connection.sock
        assert connection.getresponse().read()
        assert connection.sock is first is not None
    connection.close()
