"""The MikroTik dialect against what RouterOS's documentation shows, and its pages as the stand-in serves them."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from hotspot.errors import RequestError
from hotspot.nas import mikrotik
from hotspot.nas.arrival import Stage
from tests.doubles.mikrotik import octal, serve

# "Hotspot customisation", the examples of chap-id and chap-challenge
CHAP_ID = "\\371"
CHALLENGE = "\\357\\015\\330\\013\\021\\234\\145\\245\\303\\253\\142\\246\\133\\175\\375\\316"
RESPONSE = "c9221616f65b0dbc7b085458c00e486d"
"""printf '\\371pass1\\357\\015\\330\\013\\021\\234\\145\\245\\303\\253\\142\\246\\133\\175\\375\\316' | md5sum"""
DOOR = "https://wifi.example.go.id/g/smpn11-gw"
VALUES = {"mac": "02:AA:00:00:00:31", "ip": "10.213.0.7", "chap-id": CHAP_ID, "chap-challenge": CHALLENGE}


def arrived(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    return parts.query, {name: values[0] for name, values in parse_qs(parts.query).items()}


def page(name: str, **values: str) -> str:
    """Where a page of ours sends the phone."""
    answer = serve(mikrotik.pages(DOOR, "", "")[name], {**VALUES, **values})
    assert answer.status == 302
    location = answer.headers["Location"]
    refresh = re.search(r'content="0; url=([^"]*)"', answer.body)
    assert refresh
    assert refresh[1].replace("&amp;", "&") == location, "a browser that does not follow the header lands there, too"
    return location


def test_octal_escapes() -> None:
    assert mikrotik.unescaped(CHAP_ID) == b"\xf9"
    assert mikrotik.unescaped(CHALLENGE).hex() == "ef0dd80b119c65a5c3ab62a65b7dfdce"
    assert mikrotik.unescaped("\xef\r") == b"\xef\x0d", "the bytes themselves"
    assert mikrotik.unescaped("\\9") == b"\\9"
    for byte in range(256):
        assert mikrotik.unescaped(octal(bytes([byte]))) == bytes([byte])


def test_the_response_is_that_of_rfc_1994() -> None:
    assert mikrotik.chap_response(CHAP_ID, CHALLENGE, "pass1") == RESPONSE
    for broken in (("", CHALLENGE), (CHAP_ID, ""), ("\\371\\371", CHALLENGE)):
        with pytest.raises(RequestError, match="expired"):
            mikrotik.chap_response(*broken, "pass1")


@pytest.mark.parametrize(
    ("values", "stage"),
    [
        ({}, Stage.WANTS_IN),
        ({"var": "1"}, Stage.LEFT),
        ({"error": "simultaneous session limit & more=#"}, Stage.REFUSED),
        ({"error": "x", "var": "1"}, Stage.REFUSED),
    ],
)
def test_the_login_page_brings_the_phone_and_its_challenge(values: dict[str, str], stage: Stage) -> None:
    raw, query = arrived(page("login.html", **values))
    assert mikrotik.recognises(query)
    arrival = mikrotik.arrive("smpn11-gw", raw, query)
    assert (arrival.mac, arrival.ip, arrival.stage) == ("02:aa:00:00:00:31", "10.213.0.7", stage)
    assert arrival.message == values.get("error", "")
    assert not arrival.proven
    back = arrived(mikrotik.hand_back("http://10.213.0.1/login", arrival, "user", "pass1", "https://x/s/1"))[1]
    assert back == {
        "username": "user",
        "password": RESPONSE,
        "dst": "https://x/s/1",
        "popup": "false",
    }


def test_a_router_that_escapes_the_bytes_themselves_is_understood() -> None:
    raw = "stage=login&mac=02:AA:00:00:00:31&chap-id=%F9&chap-challenge=%EF%0D%D8%0B%11%9Ce%A5%C3%ABb%A6%5B%7D%FD%CE"
    arrival = mikrotik.arrive("g", raw, {"stage": "login", "mac": "02:AA:00:00:00:31"})
    assert f"password={RESPONSE}&" in mikrotik.hand_back("http://r/login", arrival, "u", "pass1", "x")


def test_pap_only_where_the_router_gave_no_challenge() -> None:
    raw, query = arrived(page("login.html", **{"chap-id": "", "chap-challenge": ""}))
    arrival = mikrotik.arrive("g", raw, query)
    assert "password=pass1&" in mikrotik.hand_back("http://r/login", arrival, "u", "pass1", "x")
    raw, query = arrived(page("error.html"))
    with pytest.raises(RequestError, match="expired"):
        mikrotik.hand_back("http://r/login", mikrotik.arrive("g", raw, query), "u", "pass1", "x")


def test_the_other_pages() -> None:
    assert mikrotik.arrive("g", *arrived(page("status.html"))).stage is Stage.ADMITTED
    assert (
        page("alogin.html", **{"link-redirect": "https://wifi.example.go.id/s/1"}) == "https://wifi.example.go.id/s/1"
    )
    assert page("logout.html", **{"link-login-only": "http://10.213.0.1/login"}) == "http://10.213.0.1/login?var=1"
    assert mikrotik.log_off("http://10.213.0.1/login") == "http://10.213.0.1/logout"
    assert "api.json" not in mikrotik.pages(DOOR, "http://portal/start", "http://portal/")
