"""The load generator: requests as our codec reads them, and only right answers counted."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from radius.wire.packet import (
    Code,
    Packet,
    build_reply,
    is_signed,
    parse,
    password_matches,
    request_authenticator,
    response_authenticator,
)

from . import tape
from .city import GATEWAYS, City
from .generator import Pressure, compiled, play

CITY = City(phones=2 * GATEWAYS, tickets=0, sessions=2 * GATEWAYS)
ONE_EACH = Pressure(outstanding=GATEWAYS, seconds=20, warmup=0, timeout=1)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("load"))


class Answerer:
    """A server that answers in one way; what it has heard, by the requests' own authenticators."""

    def __init__(self, how: str):
        self.how = how
        self.heard: Counter[str] = Counter()
        self.packets: set[bytes] = set()

    @contextmanager
    def listening(self) -> Iterator[int]:
        stop = threading.Event()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(0.1)
            thread = threading.Thread(target=self._serve, args=(sock, stop))
            thread.start()
            try:
                yield int(sock.getsockname()[1])
            finally:
                stop.set()
                thread.join()

    def _serve(self, sock: socket.socket, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                data, source = sock.recvfrom(4096)
            except TimeoutError:
                continue
            self.packets.add(data)
            request = parse(data)
            secret = CITY.secrets[int(source[0].rpartition(".")[2]) - 1].encode()
            self.heard[self._judge(request, secret)] += 1
            answer = self._answer(request, secret)
            if answer:
                sock.sendto(answer, source)

    def _judge(self, request: Packet, secret: bytes) -> str:
        if request.code == Code.ACCOUNTING_REQUEST:
            return "good" if request.authenticator == request_authenticator(request, secret) else "bad authenticator"
        if not is_signed(request, secret, request.authenticator):
            return "bad signature"
        password = dict(CITY.accounts).get(request.text("User-Name") or "", request.text("User-Name") or "")
        return "good" if password_matches(request, secret, password.encode()) else "bad password"

    def _answer(self, request: Packet, secret: bytes) -> bytes:
        if request.code == Code.ACCOUNTING_REQUEST:
            return build_reply(Code.ACCOUNTING_RESPONSE, request, b"", secret, sign=False)
        code = Code.ACCESS_REJECT if self.how == "reject" else Code.ACCESS_ACCEPT
        answer = bytearray(build_reply(code, request, b"", secret))
        if self.how == "another's":
            return build_reply(code, request, b"", b"not the secret of it")
        if self.how == "forged signature":
            answer[30] ^= 1
            answer[4:20] = response_authenticator(parse(bytes(answer)), secret, request.authenticator)
        return b"" if self.how == "silence" else bytes(answer)


@pytest.mark.parametrize(
    ("how", "counted"),
    [
        ("right", {"right"}),
        ("reject", {"refused"}),
        ("another's", {"wrong", "lost"}),
        ("forged signature", {"wrong", "lost"}),
        ("silence", {"lost"}),
    ],
)
def test_only_right_answers_count(program: Path, tmp_path: Path, how: str, counted: set[str]) -> None:
    played = tape.logins(tmp_path / "tape", CITY)
    once = tape.Tape(played.path, loop=False)
    answerer = Answerer(how)
    with answerer.listening() as port:
        run = play(program, once, port, ONE_EACH, tmp_path / "outcomes")
    assert run.exhausted
    assert GATEWAYS <= run.sent <= CITY.phones
    assert answerer.heard == {"good": run.sent}
    found = {name: getattr(run, name) for name in ("right", "refused", "wrong", "lost", "late")}
    assert {name: count for name, count in found.items() if count} == dict.fromkeys(counted, run.sent)


def test_a_loop_repeats_people_and_no_packet(program: Path, tmp_path: Path) -> None:
    answerer = Answerer("right")
    with answerer.listening() as port:
        pressure = Pressure(outstanding=GATEWAYS, seconds=1, warmup=0, timeout=20)
        run = play(program, tape.lookups(tmp_path / "tape", CITY), port, pressure, tmp_path / "outcomes")
    assert run.sent > CITY.phones
    assert answerer.heard == {"good": run.sent}
    assert len(answerer.packets) == run.sent == run.right


def test_accounting_says_which_records_were_acknowledged(program: Path, tmp_path: Path) -> None:
    answerer = Answerer("right")
    with answerer.listening() as port:
        patient = replace(ONE_EACH, timeout=20)
        run = play(program, tape.accounting(tmp_path / "tape", CITY), port, patient, tmp_path / "outcomes")
    assert answerer.heard == {"good": run.sent}
    outcomes = (tmp_path / "outcomes").read_bytes()
    assert (outcomes.count(1), outcomes.count(0)) == (run.right, 3 * CITY.sessions - run.right)
    assert run.right == run.sent >= GATEWAYS


def test_a_fixed_rate_is_kept(program: Path, tmp_path: Path) -> None:
    with Answerer("right").listening() as port:
        pressure = Pressure(outstanding=GATEWAYS, seconds=1, warmup=0.2, rate=500, timeout=20)
        run = play(program, tape.lookups(tmp_path / "tape", CITY), port, pressure, tmp_path / "outcomes")
    assert run.right == run.sent
    assert 500 <= run.sent <= 601
