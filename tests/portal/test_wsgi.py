"""A request that is whole, as PEP 3333 has it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING
from wsgiref.validate import validator

import pytest

from portal.serving.wsgi import Request, address_of, call, environ

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ASKED = Request(
    "POST", "/g/tk1-gw", "a=1", "1.1", "http", "192.0.2.1", ("192.0.2.9", "8080"),
    [("host", "portal.test"), ("content-type", "text/plain"), ("content-length", "4")], b"body",
)  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("192.0.2.1:8080", ("192.0.2.1", "8080")),
        ("[2001:db8::1]:8080", ("2001:db8::1", "8080")),
        ("[::ffff:192.0.2.1]:8080", ("192.0.2.1", "8080")),
    ],
)
def test_an_endpoint_has_an_address_and_a_port(endpoint: str, address: tuple[str, str]) -> None:
    assert address_of(endpoint) == address


def test_no_header_passes_for_another() -> None:
    """A proxy sets X-Forwarded-For and lets X_Forwarded_For through."""
    headers = [("x-forwarded-for", "192.0.2.1"), ("x_forwarded_for", "192.0.2.66"), ("x-forwarded-for", "192.0.2.2")]
    assert environ(replace(ASKED, headers=headers))["HTTP_X_FORWARDED_FOR"] == "192.0.2.1,192.0.2.2"


def test_cookies_of_several_lines_are_one() -> None:
    assert environ(replace(ASKED, headers=[("cookie", "a=1"), ("cookie", "b=2")]))["HTTP_COOKIE"] == "a=1; b=2"


def test_text_is_bytes_read_as_latin_1() -> None:
    made = environ(replace(ASKED, path="/g/é", query="x=ꦗ"))
    assert made["PATH_INFO"].encode("latin-1").decode() == "/g/é"
    assert made["QUERY_STRING"].encode("latin-1").decode() == "x=ꦗ"


def test_the_standards_own_validator_finds_nothing() -> None:
    def application(environment: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        body = environment["wsgi.input"].read(4)
        start("201 Created", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return [body, b"!"]

    answer = call(validator(application), ASKED)
    assert (answer.status, answer.body) == (201, b"body!")
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]
