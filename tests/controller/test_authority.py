"""Host certificates and the controller's own: made by the real ssh-keygen, shown by and to the real sshd."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.transport.ssh import Problem, SshError, Target, certified, create_key, execute, load_key, public_line
from hotspot.errors import ConfigError
from hotspot.host_key import MARK, refusal
from tests.bed.net import wait_until
from tests.node import free_port

NAMES = ("tk1-ap1", "127.0.0.1")


def made(folder: Path, name: str) -> str:
    """A new key pair; its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


def signed(folder: Path, authority: str, name: str, *options: str) -> str:
    """The certificate of a key."""
    command = ["ssh-keygen", "-q", "-s", str(folder / authority), "-I", "test", *options, str(folder / f"{name}.pub")]
    subprocess.run(command, check=True)
    return " ".join((folder / f"{name}-cert.pub").read_text().split()[:2])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("authority", "other", "host"):
        made(folder, name)
    return folder


def line(folder: Path, name: str) -> str:
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


@pytest.mark.parametrize(
    ("authority", "options", "why"),
    [
        ("authority", ("-h", "-n", "tk1-ap1", "-V", "+1h"), ""),
        ("authority", ("-h", "-n", "x,127.0.0.1"), ""),
        ("other", ("-h", "-n", "tk1-ap1"), "another authority"),
        ("authority", ("-n", "tk1-ap1"), "a person's"),
        ("authority", ("-h", "-n", "tk1-ap2"), "is for tk1-ap2"),
        ("authority", ("-h",), "is for nobody"),
        ("authority", ("-h", "-n", "tk1-ap1", "-V", "-2h:-1h"), "not valid now"),
        ("authority", ("-h", "-n", "tk1-ap1", "-V", "+1h:+2h"), "not valid now"),
    ],
)
def test_what_speaks_for_a_host(keys: Path, authority: str, options: tuple[str, ...], why: str) -> None:
    said = refusal(signed(keys, authority, "host", *options), line(keys, "authority"), NAMES, time.time())
    assert (said == "") == (why == "")
    assert why in said


def test_a_plain_key_and_a_changed_certificate_speak_for_nobody(keys: Path) -> None:
    assert "no certificate" in refusal(line(keys, "host"), line(keys, "authority"), NAMES, time.time())
    whole = signed(keys, "authority", "host", "-h", "-n", "tk1-ap1")
    kind, base64 = whole.split()
    broken = base64[:60] + ("A" if base64[60] != "A" else "B") + base64[61:]
    assert refusal(f"{kind} {broken}", line(keys, "authority"), NAMES, time.time()) != ""


class Sshd:
    """One whose host key an authority has signed, and that lets in whom another one has signed."""

    def __init__(self, folder: Path, host_options: tuple[str, ...]):
        self.port = free_port()
        self.host_authority, user_authority = made(folder, "hosts"), made(folder, "users")
        made(folder, "host")
        signed(folder, "hosts", "host", *host_options)
        create_key(folder / "key")
        plain = load_key((folder / "key").read_bytes())
        (folder / "key.pub").write_text(public_line(plain, "x"))
        signed(folder, "users", "key", "-n", "root")
        self.key = certified(load_key((folder / "key").read_bytes()), (folder / "key-cert.pub").read_bytes())
        (folder / "trusted").write_text(user_authority + "\n")
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nUsePAM no\nPidFile none\n"
            f"HostCertificate {folder / 'host-cert.pub'}\nTrustedUserCAKeys {folder / 'trusted'}\n"
            f"AuthorizedKeysFile none\nStrictModes no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(folder / "config")])
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, "sshd listens")
        self.target = Target("127.0.0.1", self.port, "root", MARK + self.host_authority, names=NAMES)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = Sshd(tmp_path, ("-h", "-n", "tk1-ap1"))
    yield one
    one.close()


@pytest.mark.parametrize("driven", [True, False])
def test_the_real_sshd_and_the_controller_know_each_other_by_certificates(sshd: Sshd, driven: bool) -> None:
    assert execute(sshd.target, sshd.key, "echo in", b"", 10, driven=driven) == b"in\n"
    with pytest.raises(SshError) as caught:
        execute(replace(sshd.target, plain=True), sshd.key, "true", b"", 10, driven=driven)
    assert caught.value.problem is Problem.REFUSED, "the key alone is known to nobody"
    with pytest.raises(SshError) as caught:
        execute(replace(sshd.target, names=("tk1-ap2",)), sshd.key, "true", b"", 10, driven=driven)
    assert (caught.value.problem, "is for tk1-ap1" in str(caught.value)) == (Problem.WRONG_KEY, True)


def test_a_certificate_of_another_key_is_refused(keys: Path, tmp_path: Path) -> None:
    create_key(tmp_path / "key")
    signed(keys, "authority", "host", "-n", "root")
    with pytest.raises(ConfigError, match=r"controller\.certificate"):
        certified(load_key((tmp_path / "key").read_bytes()), (keys / "host-cert.pub").read_bytes())
