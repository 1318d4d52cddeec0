"""One connection without a socket: two links talk to each other, and hypothesis cuts what passes between them."""

import ssl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot.errors import ConfigError
from hotspot.settings import RadSec
from radius.radsec.certificates import Certificates, context
from radius.radsec.link import Link, names_of
from radius.wire.plain import LONGEST
from tests.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> RadSec:
    return RadSec(("127.0.0.1", 0), *authority.issue("server"), authority.file)


def gateway(authority: Authority, name: str = "gw1.example", **more: object) -> ssl.SSLContext:
    certificate, key = authority.issue(name, **more)  # type: ignore[arg-type]
    return context(ssl.PROTOCOL_TLS_CLIENT, RadSec(("", 0), certificate, key, authority.file))


@pytest.fixture(scope="module")
def known(authority: Authority) -> ssl.SSLContext:
    """A gateway with a certificate of the authority."""
    return gateway(authority, "known")


def talk(one: Link, other: Link) -> tuple[list[bytes], list[bytes]]:
    """Carries what they have to say until both are silent: the packets that each has got."""
    got: tuple[list[bytes], list[bytes]] = ([], [])
    while True:
        there, back = one.outgoing(), other.outgoing()
        if not there and not back:
            return got
        if there:
            got[1].extend(other.receive(there))
        if back:
            got[0].extend(one.receive(back))


def packet(size: int, mark: int = 0) -> bytes:
    return bytes([1, mark]) + size.to_bytes(2, "big") + bytes(size - 4)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_packets_pass_both_ways(authority: Authority, files: RadSec, version: ssl.TLSVersion) -> None:
    ours = Certificates(files)
    theirs = gateway(authority, also=("gw1.lan", "10.20.1.2"))
    theirs.maximum_version = version
    server, client = Link(ours.accepting, server=True), Link(theirs, server=False)
    assert talk(server, client) == ([], [])
    assert server.names == frozenset({"gw1.example", "gw1.lan", "10.20.1.2"})
    assert client.names == frozenset({"server"})
    assert server.version == version.name.replace("_", ".")
    server.send(packet(LONGEST))
    server.send(packet(20))
    client.send(packet(30))
    assert talk(server, client) == ([packet(30)], [packet(LONGEST), packet(20)])


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(20, 300), min_size=1, max_size=8), cuts=st.lists(st.integers(1, 60), max_size=40))
def test_packets_are_whole_however_the_bytes_are_cut(
    files: RadSec, known: ssl.SSLContext, sizes: list[int], cuts: list[int]
) -> None:
    server, client = Link(Certificates(files).accepting, server=True), Link(known, server=False)
    talk(server, client)
    sent = [packet(size, mark) for mark, size in enumerate(sizes)]
    for part in _cut(b"".join(sent), cuts):
        client.send(part)
    got: list[bytes] = []
    for part in _cut(client.outgoing(), cuts):
        got += server.receive(part)
    assert got == sent


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    parts = []
    for size in cuts:
        parts.append(data[:size])
        data = data[size:]
    return [part for part in (*parts, data) if part]


@pytest.mark.parametrize("length", [0, 19, LONGEST + 1, 65535])
def test_broken_framing_ends_the_connection(files: RadSec, known: ssl.SSLContext, length: int) -> None:
    server, client = Link(Certificates(files).accepting, server=True), Link(known, server=False)
    talk(server, client)
    client.send(packet(20) + b"\1\0" + length.to_bytes(2, "big"))
    assert server.receive(client.outgoing()) == [packet(20)]
    assert server.ended == "length"
    client.send(packet(20))
    assert server.receive(client.outgoing()) == []


def test_what_came_before_the_end_counts(files: RadSec, known: ssl.SSLContext) -> None:
    server, client = Link(Certificates(files).accepting, server=True), Link(known, server=False)
    talk(server, client)
    client.send(packet(20))
    client.close()
    assert server.receive(client.outgoing()) == [packet(20)]
    assert server.ended == "closed"
    server.send(packet(20))
    server.close()


@settings(max_examples=200, deadline=None)
@given(data=st.binary(min_size=1, max_size=400), established=st.booleans())
def test_any_bytes_are_waited_for_or_end_the_connection(
    files: RadSec, known: ssl.SSLContext, data: bytes, established: bool
) -> None:
    server, client = Link(Certificates(files).accepting, server=True), Link(known, server=False)
    if established:
        talk(server, client)
    assert server.receive(data) == []
    assert server.ended in (None, "tls", "closed")


def refusal(server: Link, client: Link) -> str:
    talk(server, client)
    assert "tls" in (server.ended, client.ended)
    return server.detail or client.detail


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_who_is_refused(authority: Authority, files: RadSec, tmp_path: Path) -> None:
    ours = Certificates(files)
    stranger = Authority(tmp_path, "another")
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.check_hostname = False
    nobody.load_verify_locations(authority.file)
    assert "peer did not return a certificate" in refusal(Link(ours.accepting, server=True), Link(nobody, server=False))
    wrong = gateway(stranger)
    wrong.load_verify_locations(authority.file)
    assert "certificate verify failed" in refusal(Link(ours.accepting, server=True), Link(wrong, server=False))
    expired = gateway(authority, "late", days=-0.5)
    assert "certificate verify failed" in refusal(Link(ours.accepting, server=True), Link(expired, server=False))
    old = gateway(authority, "old")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert "unsupported protocol" in refusal(Link(ours.accepting, server=True), Link(old, server=False))


def test_a_revoked_certificate_is_refused_once_the_list_is_there(tmp_path: Path) -> None:
    mine = Authority(tmp_path)
    files = RadSec(("", 0), *mine.issue("server"), mine.file)
    ours = Certificates(files)
    good, bad = gateway(mine, "good"), gateway(mine, "bad")
    assert talk(Link(ours.accepting, server=True), Link(bad, server=False)) == ([], [])
    mine.revoke(tmp_path / "bad.pem")
    ours._looked_at = 0
    ours.follow()
    assert "certificate verify failed" in refusal(Link(ours.accepting, server=True), Link(bad, server=False))
    assert talk(Link(ours.accepting, server=True), Link(good, server=False)) == ([], [])


def test_changed_files_are_taken_over_and_broken_ones_are_not(tmp_path: Path) -> None:
    mine = Authority(tmp_path)
    files = RadSec(("", 0), *mine.issue("server"), mine.file)
    ours = Certificates(files)
    client = gateway(mine)
    mine.issue("renewed")
    (tmp_path / "renewed.pem").rename(files.certificate)
    ours._looked_at = 0
    ours.follow()  # the key is still the old one's
    one = Link(client, server=False)
    talk(Link(ours.accepting, server=True), one)
    assert one.names == frozenset({"server"})
    (tmp_path / "renewed.key").rename(files.key)
    ours._looked_at = 0
    ours.follow()
    one = Link(client, server=False)
    talk(Link(ours.accepting, server=True), one)
    assert one.names == frozenset({"renewed"})


def test_files_that_cannot_be_used_are_named(files: RadSec, tmp_path: Path) -> None:
    def wrong(**change: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            Certificates(RadSec(**{**vars(files), **change}))
        return str(caught.value)

    nothing = tmp_path / "nothing"
    assert f"{nothing}: No such file" in wrong(key=nothing)
    nothing.write_text("x")
    assert "HOTSPOT_RADSEC_CERT" in wrong(certificate=nothing)
    assert "HOTSPOT_RADSEC_KEY" in wrong(key=nothing)
    assert "HOTSPOT_RADSEC_CA" in wrong(authorities=nothing)


def test_names_of_a_certificate() -> None:
    assert names_of({}) == frozenset()
    subject = ((("countryName", "ID"),), (("commonName", "GW1"),))
    others = (("DNS", "gw1.Example"), ("IP Address", "2001:DB8:0:0:0:0:0:1"), ("email", "a@b"))
    assert names_of({"subject": subject, "subjectAltName": others}) == {"gw1", "gw1.example", "2001:db8::1"}
