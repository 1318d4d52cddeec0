"""What the real nft, dnsmasq, hostapd and sh of this machine say of rendered files."""

from pathlib import Path

import pytest

from controller.commands.jobs import prechecked
from controller.desired import Desired, File
from controller.job import Job, Outcome
from controller.readers import Readers
from controller.transport.ssh import Target
from hotspot.city.inventory import load

from .rendering import aps_of, rendered, text_of

RENDERED = [(kind, ap) for kind in ("debian", "openwrt") for ap in aps_of(kind)]


@pytest.mark.parametrize(("kind", "ap"), RENDERED)
def test_what_is_rendered_is_accepted(kind: str, ap: str) -> None:
    assert Readers().refusals(rendered(load(text_of(kind)), ap)) == []


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        (
            "/etc/nirkabel/nftables.nft",
            "table inet x { chain y { tcp dprt 1 drop } }\n",
            "nft refuses /etc/nirkabel/nftables.nft: ",
        ),
        ("/etc/nirkabel/dnsmasq.conf", "no-such-option\n", "dnsmasq refuses /etc/nirkabel/dnsmasq.conf: "),
        ("/etc/nirkabel/hostapd-0.conf", "interface=wlan0\nwpa=2\nwpa_passphrase=short\n", "invalid WPA passphrase"),
        ("/usr/local/lib/nirkabel/net", "#!/bin/sh\nif true\n", "sh refuses /usr/local/lib/nirkabel/net: "),
    ],
)
def test_a_broken_file_is_refused_by_its_program(path: str, text: str, words: str) -> None:
    [refusal] = Readers().refusals(Desired((File(path, text.encode()),)))
    assert words in str(refusal)


def test_one_text_is_asked_about_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = tmp_path / "sh"
    program.write_text(f"#!/bin/sh\necho asked >>{log}\n")
    program.chmod(0o755)
    same = [Desired((File(f"/usr/lib/{number}", b"#!/bin/sh\n"),)) for number in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        readers = Readers()
        assert [readers.refusals(one) for one in same] == [[], [], []]
    assert log.read_text() == "asked\n"


def test_what_is_refused_here_is_not_sent() -> None:
    target = Target("192.0.2.1", 22, "root", "ssh-ed25519 AAAA")
    good = Job("good", target, Desired((File("/x", b"#!/bin/sh\n"),)))
    away = Job("away", problem=(Outcome.NOT_ADOPTED, "why"))
    bad = Job("bad", target, Desired((File("/x", b"#!/bin/sh\nif\n"),)))
    assert prechecked([good, away]) == [good, away]
    [refused] = prechecked([bad])
    assert (refused.target, refused.desired) == (None, None)
    assert refused.problem is not None
    assert refused.problem[0] is Outcome.INVALID
    assert refused.problem[1].startswith("sh refuses /x: ")


def test_where_a_program_is_not_there_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert Readers().refusals(Desired((File("/x.nft", b"nonsense"), File("/y", b"#!/bin/sh\nif")))) == []
