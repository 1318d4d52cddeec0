"""Queries and forms are read as werkzeug reads them."""

from urllib.parse import parse_qsl

import pytest
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
