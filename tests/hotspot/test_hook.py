"""The signature of calls, and the table [complaints]."""

import hashlib
import hmac

import pytest

from hotspot.city.hook import signature, verify
from hotspot.city.inventory import check
from hotspot.errors import RequestError
from tests.node import EXAMPLE

SECRET, BODY, NOW = b"0123456789abcdef", b'{"number":"7K3M-9Q2X"}', 1_760_000_000


def test_it_is_what_the_documentation_says() -> None:
    expected = hmac.new(SECRET, b"1760000000." + BODY, hashlib.sha256).hexdigest()
    assert signature(SECRET, BODY, NOW) == f"t=1760000000,v1={expected}"
    for now in (NOW, NOW - 300, NOW + 300):
        verify(SECRET, signature(SECRET, BODY, NOW), BODY, now)


@pytest.mark.parametrize(
    ("secret", "header", "body", "now"),
    [
        (SECRET, signature(SECRET, BODY, NOW), BODY + b" ", NOW),
        (b"another secret..", signature(SECRET, BODY, NOW), BODY, NOW),
        (SECRET, signature(SECRET, BODY, NOW), BODY, NOW + 301),
        (SECRET, signature(SECRET, BODY, NOW), BODY, NOW - 301),
        (SECRET, signature(SECRET, BODY, NOW).replace(f"t={NOW}", f"t={NOW + 1}"), BODY, NOW),
        (SECRET, "", BODY, NOW),
        (SECRET, "v1=" + "0" * 64, BODY, NOW),
    ],
)
def test_nothing_else_is_taken(secret: bytes, header: str, body: bytes, now: int) -> None:
    with pytest.raises(RequestError, match="bad-signature"):
        verify(secret, header, body, now)


@pytest.mark.parametrize(
    ("table", "path", "fault"),
    [
        ('url = "https://lapor.example.go.id/api"', "complaints", "url and secret go together"),
        ('url = "http://lapor.example.go.id/api"\nsecret = "env:A"', "complaints.url", "clear text"),
        ('inbound = "geheim"', "complaints.inbound", "a secret is never written here"),
        ('url = "https://a.go.id/"\nsecret = "env:A"\ninbound = "env:A"', "complaints.inbound", "stands already"),
        ('link = "x"', "complaints.link", "unknown key"),
    ],
)
def test_faults_name_the_field(table: str, path: str, fault: str) -> None:
    found = check(EXAMPLE.read_text().replace("[portal]", f"[complaints]\n{table}\n\n[portal]", 1)).faults
    assert [(one.path, fault in one.message) for one in found] == [(path, True)]
