"""The first page as granian puts it on the wire, at its largest; CSS and JavaScript that old phones understand."""

import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import portal.pages.render
from hotspot.city.inventory import check
from hotspot.city.look import LANGUAGES, LARGEST_LOGO, contrast
from tests.browser import Page
from tests.node import EXAMPLE, Node

TEMPLATES = Path(portal.pages.render.__file__).parent / "templates"
CITY = EXAMPLE.read_text()

CHROME_44 = """
    align-items background border border-color border-left border-radius border-top box-shadow box-sizing color cursor
    display flex font font-size font-weight height letter-spacing line-height list-style margin margin-bottom margin-top
    max-height max-width min-height opacity outline outline-offset overflow padding text-align text-decoration
    text-transform vertical-align white-space width word-wrap
"""
"""Properties that every browser had by 2015; add one here after looking it up."""


def largest_look() -> str:
    head = "data:image/png;base64,"
    logo = head + b64encode(bytes((LARGEST_LOGO - len(head)) // 4 * 3)).decode()
    longest = "Wiwi " * 60
    texts = ", ".join(f'{language} = "{longest[:MESSAGE]}"' for language in LANGUAGES)
    titles = ", ".join(f'{language} = "{longest[:TITLE]}"' for language in LANGUAGES)
    link = f'{{ title = {{ {titles} }}, url = "https://layanan.example.go.id/halaman/layanan/warga" }}'
    links = ", ".join([link] * LINKS)
    return f'look = {{ logo = "{logo}", title = {{ {titles} }}, message = {{ {texts} }}, links = [{links}] }}'


MESSAGE, TITLE, LINKS = 200, 48, 4


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose park shows everything that a site may show."""
    example = re.search(r"^look = \{ colour.*$", CITY, re.MULTILINE)
    assert example
    oidc = '[oidc]\nissuer = "https://sso.tangerangselatankota.go.id"\ntitle = "SSO Pegawai Kota Tangerang Selatan"\n'
    changes = {
        "[portal]": f'{oidc}client_id = "wifi"\n\n[portal]',
        '"member"]\nlook': '"member", "oidc", "remembered"]\nlook',
    }
    node = Node(tmp_path_factory.mktemp("full"), {**changes, example[0]: largest_look()})
    node.activate()
    with node.service("portal"):
        yield node


def fetch(url: str, language: str, body: str | None = None) -> bytes:
    """Every byte of an answer, headers and all."""
    parts = urlsplit(url)
    head = [
        f"{'GET' if body is None else 'POST'} {parts.path}?{parts.query} HTTP/1.1",
        f"Host: {parts.netloc}", f"Accept-Language: {language}", "Accept-Encoding: gzip, br", "Connection: close",
    ]  # fmt: skip
    if body is not None:
        head += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", body or ""]).encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_page_at_its_largest_has_10_kb_on_the_wire(full: Node, language: str) -> None:
    with full.gateway() as gateway:
        answer = fetch(gateway.redirect("notyet"), language)
    assert answer.startswith(b"HTTP/1.1 200")
    assert f'<html lang="{language}">'.encode() in answer
    assert b"<img src=" in answer
    assert answer.count(b"<li>") == LINKS
    assert len(answer) <= 10_000


def test_the_first_page_is_alone_and_strict(full: Node) -> None:
    with full.gateway() as gateway:
        head, _, html = fetch(gateway.redirect("notyet"), "id").decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.lower().split("\r\n")[1:])
    for tag, attributes in Page("", 200, HTTPMessage(), html, []).tags:
        assert tag not in ("iframe", "object", "base", "meta") or not attributes.get("http-equiv")
        assert (attributes.get("src") or "data:").startswith("data:")
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert tag != "link" or attributes["href"] == "data:,"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers


def test_the_style_is_of_2015() -> None:
    css = (TEMPLATES / "page.css").read_text()
    properties = set(re.findall(r"[{;]\s*([a-z-]+)\s*:", css))
    assert properties
    assert properties - set(CHROME_44.split()) == set()
    assert not re.search(
        r"var\(|calc\(|min\(|max\(|clamp\(|@|:(?!focus\b|last-child\b)[a-z-]+[^;{}]*\{|grid|sticky|\bgap\b", css
    )


def test_the_script_is_small_and_of_2009() -> None:
    sources = [path.read_text() for path in TEMPLATES.glob("*.js")]
    assert 0 < sum(map(len, sources)) <= 2048
    for source in sources:
        assert not re.search(
            r"=>|`|\b(let|const|class|async|await|import|of)\b|\.\.\.|\?\.|\?\?|\*\*|\.fetch\(", source
        )
        assert not re.search(r"[A-Za-z]\s*\n\s*[A-Za-z]", source), "lines are joined: a statement must end in ; or }"


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("look", "fault"),
    [
        ('colour = "#ffcc00"', "contrast of 1.3:1 with the page, less than 4.5:1; take a darker one"),
        ('colour = "green"', "write it as '#0b5d4e'"),
        ('logo = "https://example.go.id/logo.png"', "a logo is written as 'data:image/png;base64,…'"),
        ('logo = "data:image/png;base64,====x"', "a logo is written as"),
        (f'logo = "data:image/png;base64,{"A" * LARGEST_LOGO}"', f"at most {LARGEST_LOGO} characters"),
        ('message = { en = "Hello" }', "the text in id is missing"),
        ('links = [{ title = "x", url = "javascript:alert(1)" }]', "is no address of a page"),
        ('links = [{ title = "x", url = "https://www.google.com/" }]', "phones ask google.com whether they are online"),
        ('links = [{ title = "x", url = "https://a.go.id/", hosts = ["captive.apple.com"] }]', "no login page appears"),
        ('color = "#000000"', "unknown key; did you mean colour?"),
    ],
)
def test_a_look_that_cannot_be_used_is_a_fault(look: str, fault: str) -> None:
    text = re.sub(r"^look = \{ colour.*$", f"look = {{ {look} }}", CITY, flags=re.MULTILINE)
    [found] = check(text).faults
    assert fault in found.message
    assert found.path.startswith("site[0].look")
    assert text.splitlines()[found.line - 1].startswith(("look =", "[[site]]"))


def test_the_hosts_of_links_are_those_of_the_gateways_sites() -> None:
    inventory = check(CITY).inventory
    assert inventory
    hosts = ["112.example.go.id", "layanan.example.go.id", "sso.example.go.id"]
    assert inventory.garden("tk1-gw") == hosts
    for site, ap in inventory.access_points():
        assert set(hosts) <= set(inventory.wifi_of(site, ap).walled_garden)
