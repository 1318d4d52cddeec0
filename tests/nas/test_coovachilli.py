"""Vectors: coova-chilli's own formulas (src/redir.c), and URLs captured from CoovaChilli 1.8."""

import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from hotspot.errors import RequestError
from hotspot.nas import coovachilli
from hotspot.nas.arrival import Arrival, Stage

SECRET = b"secret"
CHALLENGE = "5b1d296db7826a655411dcd83ee25154"
URL = (
    "https://portal.example/uam?res=notyet&uamip=10.1.0.1&uamport=3990&challenge=5b1d296db7826a655411dcd83ee25154"
    "&called=94-83-C4-01-42-27&mac=5C-1D-D9-20-A0-C1&ip=10.1.0.64&nasid=nas01&sessionid=5e6792ce00000006"
    "&userurl=http%3a%2f%2fcaptive.apple.com%2fhotspot-detect.html&md=E4C6D2E2DFED56A59972CA2644EB6F36"
)


def arrive(url: str = URL, secret: bytes = SECRET) -> Arrival:
    return coovachilli.arrive("tk1-gw", url, dict(parse_qsl(urlsplit(url).query)), secret)


def test_a_name_that_is_no_ascii_is_signed_as_it_was_written() -> None:
    """By the bytes of the query: escaped as CoovaChilli does, or raw as gateways do that escape less."""
    for written in ("ssid=Kopi%e2%98%95", "ssid=Kopi%ff", "ssid=Kopi☕", "ssid=ꦮꦫꦸꦁ"):
        head = "https://portal.example/g/gw?res=notyet&uamip=10.1.0.1&uamport=3990&mac=02-00-00-00-00-01"
        raw = f"{head}&{written}".encode()
        md = hashlib.md5(raw + b"secret").hexdigest().upper()
        url = f"{raw.decode('latin-1')}&md={md}"  # as the portal reads a query
        query = {"res": "notyet", "uamip": "10.1.0.1", "uamport": "3990", "mac": "02-00-00-00-00-01"}
        assert coovachilli.arrive("gw", url, query, b"secret").proven


def test_a_signed_redirect() -> None:
    arrival = arrive()
    assert (arrival.stage, arrival.mac, arrival.ip) == (Stage.WANTS_IN, "5c:1d:d9:20:a0:c1", "10.1.0.64")
    assert arrival.ap_mac == "94:83:c4:01:42:27"
    assert coovachilli.recognises(dict(parse_qsl(urlsplit(URL).query)))


@pytest.mark.parametrize("position", range(URL.index("res="), len(URL)))
def test_every_changed_byte_is_noticed(position: int) -> None:
    """Letters of md may change their case, as hex does; nothing else may change."""
    changed = URL[:position] + ("X" if URL[position] != "X" else "Y") + URL[position + 1 :]
    with pytest.raises((RequestError, KeyError)):
        arrive(changed)


def test_a_browser_that_writes_escapes_in_upper_case() -> None:
    """As GNOME's window for captive portals does; CoovaChilli signs what it has written."""
    assert arrive(URL.replace("%3a%2f%2f", "%3A%2F%2F").replace("%2f", "%2F")).mac == "5c:1d:d9:20:a0:c1"


def test_another_secret_and_no_signature() -> None:
    for url, secret in ((URL, b"other"), (URL.split("&md=", maxsplit=1)[0], SECRET), ("x", SECRET)):
        with pytest.raises(RequestError, match="bad-signature"):
            arrive(url, secret)


def test_the_chap_response() -> None:
    assert coovachilli.chap_response(CHALLENGE, SECRET, "pass1") == "a0bba22da26525f773ef13b61f65c6ac"


def test_hand_back_and_log_off() -> None:
    arrival = arrive()
    url = coovachilli.hand_back(arrival, "alice", "pass1", SECRET)
    assert url == "http://10.1.0.1:3990/logon?username=alice&response=a0bba22da26525f773ef13b61f65c6ac"
    assert coovachilli.log_off(arrival.data) == "http://10.1.0.1:3990/logoff"
    assert coovachilli.prelogin(arrival) == "http://10.1.0.1:3990/prelogin"


def test_counters_by_view_point() -> None:
    """Captured: without the attribute and with 2, Acct-Input-Octets is what the client received."""
    assert coovachilli.client_counters(2, 10, 20) == (10, 20)
    assert coovachilli.client_counters(None, 10, 20) == (10, 20)
    assert coovachilli.client_counters(1, 10, 20) == (20, 10)
