"""The agent's posts. The listing is as `ndsctl json` of openNDS 9.10.0 prints it."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.admission.session import RecordKind
from hotspot.errors import RequestError
from hotspot.nas import opennds, opennds_agent

KEY = opennds.derive(b"agent key of the gateway", opennds.AGENT_LABEL)
GRANT = "0123456789abcdef0123456789abcdef"
PASS = opennds.make_pass(
    b"k" * 32, GRANT, "02:00:00:00:00:01", "0" * 64, seconds=60, up_kbit=0, down_kbit=0, up_kib=0, down_kib=0
)
CLIENT = {
    "gatewayname": "Bed%20HotSpot%20Node%3a862edb8126f4%20",
    "mac": "02:00:00:00:00:01",
    "ip": "10.210.0.140",
    "session_start": "1000",
    "session_end": "1120",
    "token": "70fcc78e",
    "state": "Authenticated",
    "custom": PASS,
    "download_quota": "9000",
    "upload_quota": "null",
    "download_this_session": "11",
    "upload_this_session": "3",
}


def post(body: str, sequence: int = 1050, key: bytes = KEY) -> str:
    code = hmac.new(key, f"post|{sequence}|{body}".encode(), hashlib.sha256).hexdigest()
    return f"1 {sequence} {code}\n{body}"


def body(*lines: str, clients: dict[str, object] | None = None) -> str:
    listing = "" if clients is None else json.dumps({"client_list_length": "1", "clients": clients}, indent=2)
    return "\n".join(["boot 1-2-3", "uptime 77", *lines, "json", listing])


def test_a_whole_post() -> None:
    event = f"event ndsctl_deauth 02:00:00:00:00:02 1365 449 900 950 aabbccdd {PASS}"
    parsed = opennds_agent.parse_post(KEY, post(body("done o1 ok", "done o2 failed", event, clients={"x": CLIENT})))
    assert (parsed.sequence, parsed.boot_id, parsed.uptime) == (1050, "1-2-3", 77)
    assert parsed.done == (("o1", True), ("o2", False))
    assert parsed.clients is not None
    assert (parsed.clients[0].down, parsed.clients[0].up) == (11 * 1024, 3 * 1024)

    devices = {"02:00:00:00:00:01": "d1", "02:00:00:00:00:02": "d2"}
    running, stopped = opennds_agent.session_records(parsed, "tk2-gw", "park", devices, now=501_050)
    assert (running.kind, running.ticket, running.acct_session_id) == (RecordKind.INTERIM, GRANT, "70fcc78e-1000")
    assert (running.at, running.seconds, running.started_at) == (501_050, 50, 501_000)
    assert (stopped.kind, stopped.cause, stopped.down, stopped.up) == (RecordKind.STOP, "Admin-Reset", 1365, 449)
    assert (stopped.at, stopped.seconds) == (500_950, 50)


def test_a_router_without_openssl_clock_or_clients() -> None:
    assert opennds_agent.parse_post(KEY, post(body())).clients is None
    assert opennds_agent.parse_post(KEY, post(body(clients={}))).clients == ()


def test_a_client_without_a_pass_of_ours_is_recorded_without_a_grant() -> None:
    parsed = opennds_agent.parse_post(KEY, post(body(clients={"x": {**CLIENT, "custom": "bmE="}})))
    [record] = opennds_agent.session_records(parsed, "g", "s", {"02:00:00:00:00:01": "d"}, now=2000)
    assert record.ticket is None


def test_foreign_and_changed_posts_are_refused() -> None:
    good = post(body(clients={"x": CLIENT}))
    for bad in (good.replace("uptime 77", "uptime 78"), good.replace("1 1050", "1 1051"), "", "1 2\n", good[10:]):
        with pytest.raises(RequestError, match="bad-signature"):
            opennds_agent.parse_post(KEY, bad)
    with pytest.raises(RequestError, match="bad-signature"):
        opennds_agent.parse_post(KEY, post(body(), key=b"other"))


@given(st.text(max_size=200))
def test_any_signed_text_is_a_post(text: str) -> None:
    assert opennds_agent.parse_post(KEY, post(text)).sequence == 1050


def test_what_cannot_be_read_is_counted_and_left_out() -> None:
    good = f"event ndsctl_deauth 02:00:00:00:00:02 {2**70} 449 900 950 aabbccdd {PASS}"
    parsed = opennds_agent.parse_post(
        KEY, post(body("event x", "done", good) + '{"clients": {"a": {"custom": "x"y"}}}')
    )
    assert (parsed.unread, parsed.clients) == (3, None)
    assert 2**50 < parsed.events[0].down < 2**63


def test_a_listing_that_is_nested_without_end_is_left_out() -> None:
    parsed = opennds_agent.parse_post(KEY, post("boot b\njson\n" + "[" * 100_000))
    assert (parsed.clients, parsed.unread) == (None, 1)


def test_an_answer_is_bound_to_its_post() -> None:
    answer = opennds_agent.answer(KEY, 7, ["ok", "deauth o 02:00:00:00:00:01 -"])
    head, _, rest = answer.partition("\n")
    assert rest == "ok\ndeauth o 02:00:00:00:00:01 -\n"
    assert head.split()[2] == hmac.new(KEY, f"answer|7|{rest}".encode(), hashlib.sha256).hexdigest()


def test_times_that_nobody_meant() -> None:
    """openNDS issue 8: on 32-bit routers session start and end came out as 6825301027524656607 and the like."""
    event = f"event idle_deauth 02:00:00:00:00:02 499504 62102 6825301027524656607 18613409008320512 aabbccdd {PASS}"
    parsed = opennds_agent.parse_post(KEY, post(body(event, clients={})))
    [record] = opennds_agent.session_records(parsed, "gw", "site", {"02:00:00:00:00:02": "d"}, 2000)
    assert record.down + record.up == 561606
    assert (record.seconds, record.at) == (0, 2000)
