"""Every route of the portal under requests that nobody foresaw: never an error of ours, nothing reflected unescaped.

The application runs in this process, so that a defect shows as the exception that it is in the log, and a thousand
requests take seconds.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from werkzeug.test import Client, TestResponse

from hotspot.nas.arrival import Arrival, Stage
from hotspot.store.keyed import open_keyed
from portal.app import create
from portal.desk import Desk
from portal.forms import seal
from tests.node import Node

MARK = "zq<svg/onload=alert(1)>\"'zq"
"""What must come back escaped, if at all."""
ADDRESS = "02:aa:00:00:07:01"

SHORT = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))


class House:
    """The application, its rules, and forms that are signed."""

    def __init__(self, node: Node):
        environment = node.settings
        store, keys = open_keyed(environment)
        self.store = store
        self.desk = Desk(environment, store, keys)
        self.app: Flask = create(self.desk)
        self.client = Client(self.app)
        self.gateways = [gateway.id for gateway in node_inventory(self.desk).gateway]
        self.routes = sorted(
            {(method, rule.rule) for rule in self.app.url_map.iter_rules() for method in rule.methods or ()}
            & {(method, rule.rule) for rule in self.app.url_map.iter_rules() for method in ("GET", "POST")}
        )

    def form(self, gateway: str) -> str:
        data = {"uamip": "10.1.0.1", "uamport": "3990", "challenge": "00" * 16}  # CoovaChilli's
        data |= {"gatewayaddress": "10.212.0.1:2050", "hid": "ab" * 32}  # openNDS's
        return seal(self.desk.form_key, Arrival(gateway, Stage.WANTS_IN, ADDRESS, "10.1.0.9", data=data), 2_000_000_000)


def node_inventory(desk: Desk) -> Any:
    from hotspot.store.city.revisions import Following  # noqa: PLC0415 - for this alone

    return Following(desk.store).inventory()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    node = Node(tmp_path_factory.mktemp("fuzz"))
    node.activate()
    found = House(node)
    yield found
    found.store.close()


def ask(house: House, method: str, path: str, **request: Any) -> tuple[TestResponse, list[str]]:
    """An answer, and what is wrong with it that must be of no answer."""
    with capture_logs() as logs:
        answer = house.client.open(path, method=method, **request)
    text, policy = answer.get_data(as_text=True), answer.headers["Content-Security-Policy"]
    kept = {
        "a defect": answer.status_code < 500 or answer.status_code == 503,
        "a defect in the log": not any(line["event"] == "defect" for line in logs),
        "mark-up of somebody's": MARK not in text and "<svg" not in text,
        "a line end in a header": not any(set(value) & {"\r", "\n"} for _, value in answer.headers),
        "a lax policy": policy.startswith("default-src 'none'") and "unsafe" not in policy,
        "no nosniff": answer.headers["X-Content-Type-Options"] == "nosniff",
    }
    return answer, [f"{what}: {method} {path} {request} {logs}" for what, holds in kept.items() if not holds]


WORDS = (
    "|0|-1|\x00|../../etc/passwd|%00|%|' OR 1=1 --|{{7*7}}|${7*7}|\r\nX-A: b|javascript:alert(1)|//evil.example|"
    f"http://evil.example/|\udcff|{ADDRESS}|10.1.0.1|{'9' * 40}|{'a' * 5000}"
)
ODD = st.one_of(st.text(max_size=60), st.just(MARK), st.sampled_from(WORDS.split("|")))
PARAMETERS = (
    "res uamip uamport challenge called mac ip nasid sessionid userurl md reply lang switch form method code name"
    " password number otp site category text contact fas iv stage chap-id chap-challenge error left id ap url auth_get"
    " gatewayhash payload state old new again token client_mac login_url ga_srvr zone"
)
NAMES = st.sampled_from([*PARAMETERS.split(), "x" * 200, MARK])
FIELDS = st.dictionaries(st.one_of(NAMES, st.text(max_size=12)), ODD, max_size=8)


def quoted(fields: dict[str, str]) -> str:
    return urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()})


def fill(rule: str, values: list[str]) -> str:
    """A rule's path with odd values in the place of its variables."""
    parts = []
    for number, part in enumerate(rule.split("/")):
        value = quote(values[number % len(values)].encode("utf-8", "surrogatepass"), safe="")
        parts.append(value or "x" if part.startswith("<") else part)
    return "/".join(parts)


def anything(house: House, number: int, values: list[str], query: dict[str, str], form: dict[str, str]) -> list[str]:
    method, rule = house.routes[number % len(house.routes)]
    path = f"{fill(rule, values)}?{quoted(query)}"
    body = quoted(form) if method == "POST" else None
    return ask(house, method, path, data=body, content_type="application/x-www-form-urlencoded")[1]


def a_login(house: House, gateway: int, method: str, form: dict[str, str]) -> list[str]:
    fields = {**form, "form": house.form(house.gateways[gateway % len(house.gateways)]), "method": method}
    return ask(house, "POST", "/login", data=quoted(fields), content_type="application/x-www-form-urlencoded")[1]


def a_body(house: House, number: int, kind: str, body: bytes) -> list[str]:
    posts = [rule for method, rule in house.routes if method == "POST"]
    return ask(house, "POST", fill(posts[number % len(posts)], ["x", "tk1-gw"]), data=body, content_type=kind)[1]


GATEWAYS = st.sampled_from(["tk1-gw", "sman2-gw", "smpn11-gw", "default"])
VALUES = st.lists(st.one_of(ODD, GATEWAYS), min_size=1, max_size=4)
LOGINS = ("click-through", "voucher", "code", "code-again", "code-other", "member", "oidc")
METHODS = st.one_of(st.sampled_from(LOGINS), ODD)
KINDS = st.sampled_from(
    ["application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=b", "application/json",
     "text/plain; charset=nonsense", ""]
)  # fmt: skip
PART = b"--b\r\nContent-Disposition: form-data; name=form\r\n\r\n\xff\r\n--b--"
BODIES = st.one_of(st.binary(max_size=300), st.just(PART))


@SHORT
@given(number=st.integers(0, 999), values=VALUES, query=FIELDS, form=FIELDS)
def test_any_route(house: House, number: int, values: list[str], query: dict[str, str], form: dict[str, str]) -> None:
    assert anything(house, number, values, query, form) == []


@SHORT
@given(gateway=st.integers(0, 99), method=METHODS, form=FIELDS)
def test_any_login(house: House, gateway: int, method: str, form: dict[str, str]) -> None:
    assert a_login(house, gateway, method, form) == []


@SHORT
@given(number=st.integers(0, 99), kind=KINDS, body=BODIES)
def test_any_body(house: House, number: int, kind: str, body: bytes) -> None:
    assert a_body(house, number, kind, body) == []


@pytest.mark.long
@LONG
@given(number=st.integers(0, 999), values=VALUES, query=FIELDS, form=FIELDS)
def test_any_route_for_long(
    house: House, number: int, values: list[str], query: dict[str, str], form: dict[str, str]
) -> None:
    assert anything(house, number, values, query, form) == []


@pytest.mark.long
@LONG
@given(gateway=st.integers(0, 99), method=METHODS, form=FIELDS)
def test_any_login_for_long(house: House, gateway: int, method: str, form: dict[str, str]) -> None:
    assert a_login(house, gateway, method, form) == []


@pytest.mark.long
@LONG
@given(number=st.integers(0, 99), kind=KINDS, body=BODIES)
def test_any_body_for_long(house: House, number: int, kind: str, body: bytes) -> None:
    assert a_body(house, number, kind, body) == []


def test_every_route_with_what_must_be_escaped(house: House) -> None:
    """Each parameter that the code reads, on each route, with mark-up in it."""
    fields = dict.fromkeys(PARAMETERS.split(), MARK)
    for method, rule in house.routes:
        for values in ([MARK], ["tk1-gw"], ["smpn11-gw"]):
            path = f"{fill(rule, values)}?{quoted({**fields, 'stage': 'login', 'mac': ADDRESS})}"
            body = quoted(fields) if method == "POST" else None
            _, wrong = ask(house, method, path, data=body, content_type="application/x-www-form-urlencoded")
            assert wrong == []


def test_an_unsigned_gateways_error_is_shown_escaped(house: House) -> None:
    """The one text of a redirect that people see; whoever holds the phone may have written it."""
    query = quoted({"stage": "login", "mac": ADDRESS, "error": MARK, "chap-id": "", "chap-challenge": ""})
    answer, wrong = ask(house, "GET", f"/g/smpn11-gw?{query}")
    assert wrong == []
    assert "zq&lt;svg/onload=alert(1)&gt;" in answer.get_data(as_text=True)


def test_the_portal_has_no_door_for_admins(house: House) -> None:
    """The threat table's row 12: what admins do is done by `hotspot`, not over what phones reach."""
    words = ("admin", "manage", "config", "debug", "metrics", "console")
    assert not [rule for _, rule in house.routes if any(word in rule for word in words)]
    assert {part for _, rule in house.routes for part in [rule.split("/")[1]]} <= {
        "", "V", "agent", "captive", "g", "guest", "healthz", "hooks", "login", "oidc", "privacy", "report", "s",
        "start", "v",
    }  # fmt: skip
