"""Vectors: openNDS's formulas (src/client_list.c, fas-hid.php, fas-aes.php) and a query captured from 9.10.0."""

import subprocess
from base64 import b64encode
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from hotspot.admission.grant import Limits
from hotspot.errors import RequestError
from hotspot.nas import opennds
from hotspot.nas.arrival import Stage

HID = "9b3ddaf2960ef136bdc1707c2cc3d34cdd009f3df7a04c61c2963cb2024e65e4"
FAS_KEY = b"128bcddbf4df3e16147dbb31b3b1b16472a3d2608f10b5407c8cdc352433761f"
RHID = "af0237ef0427a671815599163088d9a72642d7cf93c5e8ba1aff60168c5aff30"
CAPTURED = (
    f"hid={HID}, clientip=10.210.0.202, clientmac=02:00:00:00:00:01, client_type=cpd_can, "
    "gatewayname=Bed%20HotSpot%20Node%3a02005eaabb01%20, gatewayurl=http%3a%2f%2fstatus.client, version=9.10.0, "
    "gatewayaddress=10.210.0.1:2050, gatewaymac=02005eaabb01, originurl=http%3a%2f%2finternet.test%2ffirst%3fx%3d1, "
    "clientif=br-lan, themespec=(null), (null)(null)(null)(null)"
)
LIMITS = Limits(session=601, idle=900, down=5_000_000, up=2_000_000, total=10_000_000)
GRANT = "0123456789abcdef0123456789abcdef"


def level1(text: str = CAPTURED) -> dict[str, str]:
    return {"fas": b64encode(text.encode()).decode()}


def test_rhid() -> None:
    assert opennds.rhid(HID, FAS_KEY) == RHID


def test_a_level_1_query() -> None:
    arrival = opennds.arrive("tk2-gw", level1(), FAS_KEY, 1)
    assert (arrival.mac, arrival.ip, arrival.stage) == ("02:00:00:00:00:01", "10.210.0.202", Stage.WANTS_IN)
    assert arrival.ap_mac == "02:00:5e:aa:bb:01"
    assert arrival.data["hid"] == HID
    authenticated = {**level1(), "status": "authenticated"}
    assert opennds.arrive("tk2-gw", authenticated, FAS_KEY, 1).stage is Stage.ADMITTED


def test_the_gateway_hash_of_authmon() -> None:
    text = CAPTURED.replace(
        "gatewayname=Bed%20HotSpot%20Node%3a02005eaabb01%20", "gatewayname=openNDS%20Node%3ae4956e4d641c%20"
    )
    hashed = opennds.arrive("g", level1(text), FAS_KEY, 1).data["gatewayhash"]
    assert hashed == "50b78b0d963cdfadda490f55db0e81035b371afce83335c15a881c30a5277741"


@pytest.mark.parametrize("key", [FAS_KEY, b"short", b"exactly thirty-two bytes of key!"])
def test_level_2_is_what_openssl_encrypts(key: bytes) -> None:
    """The router calls openssl with the key's bytes, NUL-padded, and the IV's 16 characters."""
    iv = "0123456789abcdef"
    padded = key[:32].ljust(32, b"\0")
    run = subprocess.run(
        ["openssl", "enc", "-aes-256-cbc", "-K", padded.hex(), "-iv", iv.encode().hex()],
        input=CAPTURED.encode(), capture_output=True, check=True,
    )  # fmt: skip
    fas = b64encode(b64encode(run.stdout)).decode()
    arrival = opennds.arrive("tk2-gw", {"fas": fas, "iv": iv}, key, 2)
    assert arrival.mac == "02:00:00:00:00:01"
    with pytest.raises(RequestError):
        opennds.arrive("tk2-gw", {"fas": fas, "iv": iv}, b"another key", 2)


@pytest.mark.parametrize(
    "query",
    [
        {"fas": "!"},
        {"fas": b64encode(b"hid=1").decode()},
        {"fas": b64encode(b"\xff\xfe").decode()},
        level1(CAPTURED.replace("10.210.0.1:2050", "evil.example/x?")),
        level1(CAPTURED.replace("02:00:00:00:00:01", "nobody")),
    ],
)
def test_what_cannot_be_read_is_refused(query: dict[str, str]) -> None:
    for level in (1, 2):
        with pytest.raises(RequestError):
            opennds.arrive("tk2-gw", query, FAS_KEY, level)


def test_hand_back() -> None:
    arrival = opennds.arrive("tk2-gw", level1(), FAS_KEY, 1)
    url = urlsplit(opennds.hand_back(arrival, FAS_KEY, "1.pass", "https://wifi.example.go.id/s/x"))
    assert (url.netloc, url.path) == ("10.210.0.1:2050", "/opennds_auth/")
    assert parse_qs(url.query) == {"tok": [RHID], "redir": ["https://wifi.example.go.id/s/x"], "custom": ["1.pass"]}


def test_units() -> None:
    kilo = opennds.limits_in_kilo(LIMITS)
    assert kilo == {"seconds": 601, "up_kbit": 2000, "down_kbit": 5000, "up_kib": 9765, "down_kib": 9765}
    assert set(opennds.limits_in_kilo(Limits(session=60, idle=60)).values()) == {60, 0}


def test_a_pass_names_its_grant() -> None:
    custom = opennds.make_pass(b"k" * 32, GRANT, "02:00:00:00:00:01", HID, **opennds.limits_in_kilo(LIMITS))
    assert opennds.pass_grant(custom) == GRANT
    assert set(custom) <= set("0123456789abcdef.")
    month = 31 * 86400
    longest = opennds.make_pass(
        b"k" * 32, GRANT, "02:00:00:00:00:01", HID,
        seconds=month, up_kbit=10**6, down_kbit=10**6, up_kib=10**10 - 1, down_kib=10**10 - 1,
    )  # fmt: skip
    assert len(longest) <= 126, "where ndsctl cuts it"
    for other in ("bmE=", custom[:-1], custom.replace(".", "\n", 1), f"1.x\ndeauth - x -{'.1' * 5}.{'0' * 32}"):
        assert opennds.pass_grant(other) is None
    assert opennds.pass_grant("") is None


def test_authmon_gets_at_most_four_and_a_thousand_characters() -> None:
    entry = opennds.authmon_entry(RHID, LIMITS, "1.custom")
    assert unquote(entry) == f"{RHID} 11 2000 5000 9765 9765 1.custom"
    assert opennds.authmon_answer("view", [entry] * 9, 0).count(" ") == 4
    assert len(opennds.authmon_answer("view", ["x" * 300] * 4, 0)) <= 1024
    assert opennds.authmon_answer("view", [], 0) == "*"
    assert opennds.authmon_answer("clear", [entry], 0) == "ack"
