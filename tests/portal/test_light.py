"""Queries and forms are read as werkzeug reads them."""

from urllib.parse import parse_qsl

import pytest
from flask import request
from hypothesis import given
from hypothesis import strategies as st

from portal.light import LightFlask, pairs

_PIECES = st.lists(
    st.sampled_from(["a", "=", "&", "+", "%", "%2B", "%C3%A9", "%ff", "%zz", ";", "é", "lang", " ", "\0"])
)


@given(_PIECES.map("".join))
def test_any_query_is_read_alike(text: str) -> None:
    theirs = parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote")
    assert pairs(text.encode()) == theirs


def test_what_is_no_utf_8_breaks_nothing() -> None:
    assert pairs(b"a=\xff&b=1") == [("a", "\N{REPLACEMENT CHARACTER}"), ("b", "1")]


@pytest.mark.parametrize("path", ["/guest/s/default", "//elsewhere.test/%0d%0aX: 1"])
def test_no_path_leads_to_another_host(path: str) -> None:
    app = LightFlask("test", static_folder=None)
    app.add_url_rule("/guest/s/<site>/", view_func=lambda site: site)
    answer = app.test_client().get(path, headers={"Host": "portal.test"})
    assert answer.status_code == 404 or answer.headers["Location"].startswith("http://portal.test/guest/")


def _form(
    body: bytes, kind: str = "application/x-www-form-urlencoded", length: int | str | None = None
) -> tuple[int, str]:
    app = LightFlask("test", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"], app.config["MAX_FORM_MEMORY_SIZE"] = 2000, 1000
    app.add_url_rule("/form", view_func=lambda: repr(sorted(request.form.items(multi=True))), methods=["POST"])
    over = {} if length is None else {"CONTENT_LENGTH": str(length)}
    answer = app.test_client().post("/form", data=body, content_type=kind, environ_overrides=over)
    return answer.status_code, answer.text


@pytest.mark.parametrize("kind", ["", "; charset=utf-8"])
def test_a_form_is_read_alike_with_and_without_a_parser(kind: str) -> None:
    kind = f"application/x-www-form-urlencoded{kind}"
    assert _form(b"a=1&b=%C3%A9+&a=2", kind) == (200, repr([("a", "1"), ("a", "2"), ("b", "é ")]))


def test_what_is_too_large_or_not_whole_is_no_form() -> None:
    assert _form(b"a=" + b"1" * 998)[0] == 200
    assert _form(b"a=" + b"1" * 999)[0] == 413
    assert _form(b"a=" + b"1" * 3000)[0] == 413
    assert _form(b"a=1", length=10)[0] == 400
    assert _form(b"a=1", length="9" * 5000)[0] < 500
    assert _form(b"a=1", length=2) == (200, repr([("a", "")]))
    assert _form(b'{"a": 1}', "application/json") == (200, "[]")
