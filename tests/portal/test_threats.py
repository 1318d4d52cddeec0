"""What the portal is attacked by, and where each threat is tested; the tests that stand nowhere else are here.

A row that no longer names a test fails, so that none is lost when tests are moved.
"""

import ast
import http.client
import json
import re
import urllib.parse
from functools import cache
from pathlib import Path

import pytest

from portal.dialects import OPEN_WEB
from tests.browser import Browser
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

TESTS = Path(__file__).parents[1]
SOURCES = [path for name in ("hotspot", "portal", "radius") for path in (TESTS.parent / name).rglob("*.py")]

THREATS = {
    "messages are made to cost money": [
        "store/test_codes.py::test_a_thousand_numbers_stay_within_the_budget",
        "store/test_codes.py::test_a_number_gets_three_in_an_hour_and_five_in_a_day",
        "store/test_codes.py::test_a_gateway_and_the_city_have_their_budgets",
        "store/test_codes.py::test_simultaneous_requests_send_one_message",
        "portal/test_budgets.py::test_one_sender_does_not_spend_the_citys_messages",
        "portal/test_budgets.py::test_gateways_that_sign_nothing_have_two_fifths_of_the_hour",
        "portal/test_codes.py::test_numbers_that_get_no_code",
    ],
    "one-time codes are guessed": [
        "store/test_codes.py::test_of_fifty_simultaneous_guesses_five_are_judged",
        "store/test_codes.py::test_a_number_is_guessed_at_fifteen_times_a_day_however_often_it_asks",
        "store/test_codes.py::test_codes_are_six_digits_of_a_keyed_hash",
    ],
    "voucher codes are guessed": [
        "portal/test_limits.py::test_of_parallel_guesses_at_any_node_so_many_are_judged",
        "portal/test_limits.py::test_guesses_raise_an_alarm_once_and_are_counted_for_people_to_see",
        "portal/test_journeys.py::test_vouchers_are_kept_as_hashes_only",
    ],
    "vouchers, codes and tickets are used again or shared": [
        "radius/test_service.py::test_a_ticket_is_redeemed_once",
        "store/test_codes.py::test_a_code_is_used_once_and_for_a_while",
        "portal/test_journeys.py::test_a_voucher_is_for_its_site_and_its_devices",
    ],
    "the portal redirects to a place of somebody's choice": [
        "portal/test_threats.py::test_a_login_leads_to_the_gateway_whatever_the_redirect_says",
        "nas/test_posted.py::test_merakis_form_goes_to_merakis_cloud_alone",
        "nas/test_posted.py::test_merakis_click_through_goes_to_merakis_cloud_alone",
        "nas/test_posted.py::test_a_cambium_access_point_takes_the_form_at_its_private_address_alone",
    ],
    "what a gateway or a phone says becomes markup": [
        "fuzz/test_portal.py::test_every_route_with_what_must_be_escaped",
        "fuzz/test_portal.py::test_an_unsigned_gateways_error_is_shown_escaped",
        "portal/test_journeys.py::test_what_a_gateway_says_cannot_become_markup",
        "portal/test_page.py::test_the_first_page_is_alone_and_strict",
    ],
    "a gateway's parameters are forged": [
        "nas/test_coovachilli.py::test_every_changed_byte_is_noticed",
        "portal/test_journeys.py::test_a_forged_redirect_opens_nothing",
        "portal/test_freshness.py::test_a_redirect_is_of_its_gateway_for_five_minutes_and_for_one_sender",
        "portal/test_freshness.py::test_an_overheard_redirect_leads_to_no_status_page",
        "portal/test_posted.py::test_a_ticket_counts_for_nobody_elses_phone",
        "radius/test_central.py::test_a_phone_logs_in_and_its_controller_is_told",
    ],
    "a form is sent from elsewhere": [
        "portal/test_journeys.py::test_forms_are_for_one_phone_and_five_minutes",
        "portal/test_freshness.py::test_a_form_from_elsewhere_is_worth_a_fresh_one",
        "portal/test_freshness.py::test_another_sites_page_sends_no_form",
        "portal/test_freshness.py::test_nor_does_any_other_door_take_it",
        "portal/test_threats.py::test_a_form_of_ones_own_making_is_refused",
    ],
    "somebody takes over a paid phone's address": [
        "portal/test_an_address_proves_nobody.py::test_a_cloned_address_shows_no_number",
        "portal/test_an_address_proves_nobody.py::test_an_unsigned_arrival_is_the_same_for_known_and_unknown_addresses",
        "portal/test_remembered.py::test_neither_the_cookie_nor_the_address_suffices",
        "portal/test_captive.py::test_what_is_not_known_to_be_a_phones_is_not_answered",
        "portal/test_gateways.py::test_nobody_can_write_themselves_into_anothers_session",
        "system/test_push.py::test_a_client_is_isolated_before_its_login",
        "system/test_push.py::test_a_valid_pass_admits_and_isolation_holds",
    ],
    "the network is used without a login, by way of DNS or else": [
        "system/test_push.py::test_a_client_is_isolated_before_its_login",
        "system/test_push.py::test_whom_opennds_admits_without_a_pass_reaches_nothing",
    ],
    "admins' doors stand open to phones": ["fuzz/test_portal.py::test_the_portal_has_no_door_for_admins"],
    "the portal is kept busy": [
        "portal/test_limits.py::test_each_limit_and_what_is_refused_counts_against_nobody",
        "portal/test_limits.py::test_clicking_through_again_and_again",
        "portal/test_budgets.py::test_a_school_behind_one_address_gets_in_under_guesses_beside_it",
        "portal/test_budgets.py::test_thirty_posts_in_a_victims_address_lock_only_their_sender",
        "portal/test_budgets.py::test_a_64_locks_nobody_else_out",
    ],
    "addresses and logs tell of people": [
        "portal/test_threats.py::test_no_address_and_no_line_of_the_log_names_anybody",
    ],
    "addresses are told to others": ["portal/test_page.py::test_the_first_page_is_alone_and_strict"],
    "a provider is imitated": ["portal/test_oidc.py::test_nothing_is_used_twice"],
    "what people type becomes a command": ["portal/test_threats.py::test_nothing_is_given_to_a_shell"],
}


@cache
def functions(path: str) -> frozenset[str]:
    return frozenset(
        node.name for node in ast.walk(ast.parse((TESTS / path).read_text())) if isinstance(node, ast.FunctionDef)
    )


@pytest.mark.parametrize("threat", THREATS)
def test_each_threat_has_its_tests(threat: str) -> None:
    for where in THREATS[threat]:
        path, _, name = where.partition("::")
        assert name in functions(path), where


ELSEWHERE = (
    "http://evil.example/", "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example",
    "http:evil.example", "javascript:alert(1)", "data:text/html,x", "http://10.1.0.1@evil.example/", "http://evil.example#@10.1.0.1",
    "\r\nLocation: http://evil.example/", "%0d%0aLocation:%20http://evil.example/", "http://evil.example\\@10.1.0.1/", "ftp://evil.example/",
)  # fmt: skip


def test_a_login_leads_to_the_gateway_whatever_the_redirect_says(node: Node, gateway: CoovaChilliDouble) -> None:
    """Addresses of somebody's choice in every parameter that portals know for it."""
    names = [
        "userurl",
        "url",
        "next",
        "redirect",
        "redir",
        "continue",
        "continue_url",
        "dst",
        "return",
        "target",
        "landing",
        "success_url",
        "originUrl",
        "link-orig",
    ]
    signed = gateway.redirect("notyet")
    port = urllib.parse.parse_qs(urllib.parse.urlsplit(signed).query)["uamport"][0]
    form = Browser().open(signed).form(method="click-through")
    for elsewhere in ELSEWHERE:
        chosen = dict.fromkeys(names, elsewhere)
        query = urllib.parse.urlencode(chosen)
        asked = ((f"/login?{query}", {**form.fields, "switch": "en"}), (f"/start?{query}", None), (f"/?{query}", None))
        for path, data in asked:
            status, location = fetch(f"{node.portal}{path}", data)
            assert location in (None, OPEN_WEB), (path, location)
            assert status < 500
        status, location = fetch(f"{node.portal}/login?{query}", {**form.fields, **chosen})
        assert status == 303
        assert location is not None
        assert location.startswith(f"http://127.0.0.1:{port}/logon?"), location
        assert "evil" not in location


def fetch(url: str, data: dict[str, str] | None) -> tuple[int, str | None]:
    """Status and Location of one request, which is not followed."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    body = None if data is None else urllib.parse.urlencode(data)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if data else {}
    connection.request("GET" if body is None else "POST", f"{parts.path}?{parts.query}", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Location")


def test_a_form_of_ones_own_making_is_refused(node: Node, gateway: CoovaChilliDouble) -> None:
    page = Browser().open(gateway.redirect("notyet"))
    token = page.form(method="click-through").fields["form"]
    body, _, code = token.partition(".")
    for forged in (
        "",
        "x",
        body,
        f".{code}",
        f"{body}.{'A' * len(code)}",
        f"{body[:-2]}AA.{code}",
        token[:-1],
        f"{body}.\N{SNOWMAN}",
    ):
        status, location = fetch(f"{node.portal}/login", {"form": forged, "method": "click-through"})
        assert (status, location) == (400, None), forged


def test_no_address_and_no_line_of_the_log_names_anybody(tmp_path: Path) -> None:
    """Whatever people type, and their phones' addresses, stands in no URL that they are sent to and in no log."""
    node = Node(tmp_path)
    node.activate()
    node.run("member", "add", "siti.rahayu", stdin="a password of hers\n")
    with node.service("radius") as radius, node.service("portal") as portal, node.gateway() as gateway:
        gateway.phone.mac = "02-AA-5E-77-88-99"
        browser = Browser()
        page = browser.open(gateway.redirect("notyet"))
        visited: list[str] = []
        for method, fields in (
            ("member", {"name": "siti.rahayu", "password": "not her password"}),
            ("voucher", {"code": "7K3M-9QXD-2RA"}),
            ("member", {"name": "siti.rahayu", "password": "a password of hers"}),
        ):
            page = browser.submit(page, page.form(method=method), **fields)
            visited += page.visited
        assert "Anda tersambung" in page.text
    said = "".join([*radius.lines, *portal.lines])
    assert said.count("not admitted") == 2
    # The gateway's own redirect names the phone; no address of ours does.
    ours = "\n".join(url for url in visited if url.startswith(node.portal) and not url.startswith(f"{node.portal}/g/"))
    assert "/s/" in ours
    for secret in ("siti", "rahayu", "password of hers", "not her", "7K3M", "9QXD", "5E-77-88", "5e:77:88", "5e778899"):
        assert secret not in said, secret
        assert secret.lower() not in ours.lower(), secret
    for line in said.splitlines():
        if line.startswith("{"):
            json.loads(line)


def test_nothing_is_given_to_a_shell() -> None:
    """What phones reach starts no program at all, and nothing of it is evaluated."""
    words = re.compile(r"shell=True|os\.system|os\.popen|\beval\(|\bexec\(|pickle\.load|yaml\.load")
    assert len(SOURCES) > 100
    for path in SOURCES:
        text = path.read_text()
        assert words.search(text) is None, path
        if path.parts[-2] == "portal":
            assert "import subprocess" not in text, path
