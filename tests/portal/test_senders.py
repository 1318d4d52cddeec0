"""Messages on their way out: the spool's files, and gateways over HTTP, which are stand-ins here, not the real ones."""

import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hotspot.city.codes import Sender, SpoolSender
from hotspot.errors import ConfigError, PeerError
from hotspot.people.one_time import LIFETIME
from portal.methods.senders import Message, Port, port, sweep_spools
from portal.peers import web
from tests.conftest import settings_in
from tests.doubles.messages import ACCOUNT, TOKEN, MessageGatewayDouble

MESSAGE = Message("m1", "+6281234567890", '123456 adalah kode WiFi "Kota".\n\n@wifi.example.go.id #123456', "123456")


def made(state: Path, **section: Any) -> Port:
    settings = settings_in(state, SMS_TOKEN=TOKEN)
    sender: Sender = TypeAdapter(Sender).validate_python(section)
    return port(sender, settings)


def test_the_spool_has_a_file_for_each_message_as_sms_server_tools_reads_it(tmp_path: Path) -> None:
    made(tmp_path, kind="spool").send(MESSAGE)
    [path] = (tmp_path / "spool").iterdir()
    assert path.name == "nirkabel-m1"
    assert path.stat().st_mode & 0o007 == 0
    head, _, text = path.read_text().partition("\n\n")
    assert head == "To: 6281234567890\nAlphabet: UTF-8"
    assert text == f"{MESSAGE.text}\n"
    made(tmp_path, kind="spool", folder=str(tmp_path / "elsewhere")).send(MESSAGE)
    assert (tmp_path / "elsewhere" / "nirkabel-m1").is_file()


def test_a_message_that_nobody_took_goes_with_its_code(tmp_path: Path) -> None:
    spool, foreign = tmp_path / "spool", tmp_path / "spool" / "other-1"
    sender = made(tmp_path, kind="spool")
    sender.send(MESSAGE)
    (spool / "nirkabel-m0.LOCK").write_text("To: 6281")
    foreign.write_text("another program's")
    sender.send(replace(MESSAGE, id="m2"))
    assert {path.name for path in spool.iterdir()} == {"nirkabel-m1", "nirkabel-m2", "nirkabel-m0.LOCK", "other-1"}
    for path in (spool / "nirkabel-m1", spool / "nirkabel-m0.LOCK", foreign):
        os.utime(path, (time.time() - LIFETIME - 1,) * 2)
    sender.send(replace(MESSAGE, id="m3"))
    assert {path.name for path in spool.iterdir()} == {"nirkabel-m2", "nirkabel-m3", "other-1"}
    elsewhere = SpoolSender(kind="spool", folder=str(tmp_path / "modem"))
    settings = settings_in(tmp_path)
    made(tmp_path, kind="spool", folder=elsewhere.folder).send(MESSAGE)
    assert sweep_spools(elsewhere, settings, time.time() + LIFETIME + 1) == 3, "the folder of an earlier revision too"
    assert [path.name for path in spool.iterdir()] == ["other-1"]


@pytest.mark.parametrize("where", ["headers", "body"])
def test_a_server_that_answers_a_byte_a_second_is_away_at_the_deadline(where: str) -> None:
    """Each byte comes in time; a timeout of the socket alone never ends it."""

    def trickle(listener: socket.socket, over: threading.Event) -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 999\r\n\r\n" if where == "body" else b"X: "))
            while not over.wait(0.1):
                peer.sendall(b"x")

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener, over))
        thread.start()
        started = time.monotonic()
        with pytest.raises(PeerError, match="no answer in time"):
            web.send(web.Request("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/"), timeout=1.0)
        assert time.monotonic() - started < 30
        over.set()
        thread.join()


def test_json_nested_without_end_is_a_peers_error() -> None:
    with pytest.raises(PeerError, match="without JSON"):
        web.Answer(200, {}, "[" * 100_000).json()


def test_a_spool_that_cannot_be_written_is_a_peer_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PeerError, match="the spool folder"):
        made(tmp_path, kind="spool", folder=str(tmp_path / "file" / "spool")).send(MESSAGE)


def test_a_stand_in_gateway_that_takes_json(tmp_path: Path) -> None:
    body = {
        "messaging_product": "whatsapp", "to": "{digits}", "type": "template",
        "template": {"name": "otp", "components": [{"type": "body", "parameters": [{"text": "{code}", "n": 1}]}]},
        "note": "to {number}: {text}",
    }  # fmt: skip
    with MessageGatewayDouble() as gateway:
        headers = {"Authorization": "Bearer {secret}"}
        sender = made(
            tmp_path, kind="http", url=f"{gateway.url}/send?x=1", body=body, headers=headers, secret="env:SMS_TOKEN"
        )
        sender.send(MESSAGE)
        [taken] = gateway.taken
    assert taken.path == "/send?x=1"
    assert taken.headers["content-type"] == "application/json"
    assert taken.headers["authorization"] == f"Bearer {TOKEN}"
    assert taken.json["to"] == "6281234567890"
    assert taken.json["template"]["components"][0]["parameters"] == [{"text": "123456", "n": 1}]
    assert taken.json["note"] == f"to +6281234567890: {MESSAGE.text}"


def test_a_stand_in_gateway_that_takes_a_form_and_says_so_in_its_answer(tmp_path: Path) -> None:
    body = {"userkey": "kota", "passkey": "{secret}", "to": "{number}", "message": "{text}"}
    with MessageGatewayDouble() as gateway:
        sender = made(
            tmp_path, kind="http", url=gateway.url, format="form", body=body, secret="env:SMS_TOKEN",
            accepted='"status":"1"',
        )  # fmt: skip
        gateway.answer = '{"status":"1"}'
        sender.send(MESSAGE)
        assert gateway.taken[0].form == {
            "userkey": "kota", "passkey": TOKEN, "to": "+6281234567890", "message": MESSAGE.text,
        }  # fmt: skip
        gateway.answer = '{"status":"0","text":"no credit for +6281234567890"}'
        with pytest.raises(PeerError, match="does not say that it took the message") as refused:
            sender.send(MESSAGE)
        gateway.status = 500
        with pytest.raises(PeerError, match="answered 500"):
            sender.send(MESSAGE)
    assert "812" not in str(refused.value)
    with pytest.raises(PeerError, match="Connection refused"):
        sender.send(MESSAGE)


def test_a_stand_in_gateway_that_asks_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    with MessageGatewayDouble(busy=1) as gateway:
        sender = made(tmp_path, kind="http", url=gateway.url, body={"to": "{number}"})
        sender.send(MESSAGE)
        assert len(gateway.taken) == 1
        gateway.busy, gateway.pause = 1, "60"
        with pytest.raises(PeerError, match="answered 429"):
            sender.send(MESSAGE)


@pytest.mark.parametrize("number", ["+15005550006", "whatsapp:+14155238886"])
def test_a_stand_in_for_twilio(tmp_path: Path, number: str) -> None:
    with MessageGatewayDouble() as gateway:
        section = {
            "kind": "twilio",
            "url": gateway.url,
            "account": ACCOUNT,
            "secret": "env:SMS_TOKEN",
            "sender": number,
        }
        made(tmp_path, **section).send(MESSAGE)
        prefix = "whatsapp:" if number.startswith("whatsapp") else ""
        form = {"To": f"{prefix}+6281234567890", "From": number, "Body": MESSAGE.text}
        assert gateway.taken[0].form == form
        with pytest.raises(PeerError, match=r"answered 400, error 21211$"):
            made(tmp_path, **section).send(Message("m2", "+6289900000000", "x", "1"))
        with pytest.raises(PeerError, match=r"answered 401, error 20003$"):
            made(tmp_path, **{**section, "account": "ACother"}).send(MESSAGE)
        with pytest.raises(ConfigError, match="env:NONE is not set"):
            made(tmp_path, **{**section, "secret": "env:NONE"}).send(MESSAGE)


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"kind": "http", "url": "http://sms.example.go.id/", "body": {"a": "{text}"}}, "clear text"),
        ({"kind": "http", "url": "https://sms.example.go.id/", "body": {"a": "{nomor}"}}, "{nomor} is no placeholder"),
        ({"kind": "http", "url": "https://x.id/", "body": {"a": "b"}, "headers": {"X": "{key}"}}, "no placeholder"),
        ({"kind": "http", "url": "https://x.id/", "format": "form", "body": {"a": {"b": "c"}}}, "format = 'json'"),
        ({"kind": "twilio", "account": "AC1", "secret": "hunter2", "sender": "+1"}, "a secret is never written here"),
        ({"kind": "pigeon"}, "does not match any of the expected tags"),
    ],
)
def test_senders_that_make_no_sense(section: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        TypeAdapter(Sender).validate_python(section)
