"""What sudo lets the controller's account run, with a real shell below a folder of its own; sudo itself is not here."""

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller import payload, signing
from controller.backup import MANIFESTS
from controller.desired import Desired, File
from controller.posix import account
from controller.transport.ssh import Target
from hotspot.city.inventory import load

from .local import LocalAp, new_tx
from .rendering import aps_of, rendered, text_of

HELPER = payload.helper()
OURS = Desired((File("/etc/nirkabel/dnsmasq.conf", b"# one\n"),))
SEED = bytes(range(32))
OBSERVE = payload.pack_call(HELPER, OURS.paths)


@dataclass
class Entry:
    """The entry as root has set it up."""

    root: Path

    @property
    def here(self) -> Path:
        return self.root / "usr/local/lib/nirkabel-entry"

    def ask(self, request: str, stdin: bytes = b"") -> str:
        (self.root / "entry").write_text(account.entry(str(self.root)))
        done = subprocess.run(
            ["sh", str(self.root / "entry")],
            input=account.request(request, stdin),
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.stdout.decode(errors="replace")

    def result(self, request: str, stdin: bytes = b"") -> str:
        return self.ask(request, stdin).strip().splitlines()[-1].removeprefix("result ")

    def stages(self) -> list[str]:
        return sorted(one.name for one in (self.root / "run/nirkabel").glob("[sc]*.*"))


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[Entry]:
    one = Entry(tmp_path / "ap")
    one.here.mkdir(parents=True)
    (one.here / "allowed_signers").write_text(signing.allowed_signer(SEED) + "\n")
    (one.here / "helper.sha256").write_text(f"{hashlib.sha256(HELPER).hexdigest()}\n")
    yield one
    LocalAp(one.root, os.environ["PATH"]).clean()


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for info, content in (named("helper.sh", HELPER), *entries):
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def named(name: str, content: bytes, *, mode: int = 0o600, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    if link:
        info.type, info.linkname, info.size = tarfile.SYMTYPE, link, 0
    return info, content


def test_a_push_goes_through_the_entry_as_it_goes_to_root(entry: Entry) -> None:
    tx = new_tx()
    assert entry.result(f"helper apply {tx} 60 0", payload.pack(OURS, HELPER, SEED)).startswith("armed ")
    word, _, proof = entry.result(f"helper confirm {tx}", payload.pack_call(HELPER)).partition(" ")
    assert word == "applied"
    assert entry.result(f"helper confirm {tx} {proof}", payload.pack_call(HELPER)).startswith("confirmed ")
    assert (entry.root / "etc/nirkabel/dnsmasq.conf").read_bytes() == b"# one\n"
    assert "\nlive " in entry.ask("helper observe", OBSERVE)
    assert entry.stages() == []


def test_nothing_is_pushed_that_this_installation_has_not_signed(entry: Entry) -> None:
    other = Desired((File("/etc/nirkabel/dnsmasq.conf", b"# two\n"),))
    signed = named("signature", signing.signature(SEED, payload.manifest(OURS).encode()))
    manifest = named("manifest", payload.manifest(other).encode())
    for stream in (payload.pack(OURS, HELPER), payload.pack(OURS, HELPER, bytes(32)), archive(signed, manifest)):
        said = entry.result(f"helper apply {new_tx()} 60 0", stream)
        assert said.startswith("failed root has let in another signature")
    assert not (entry.root / "etc/nirkabel").exists()
    assert entry.stages() == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/nirkabel/../shadow",
        "/etc/systemd/system/ssh.service",
        "/usr/local/lib/nirkabel-entry/entry",
        "/etc/sudoers.d/nirkabel",
    ],
)
def test_no_file_but_those_that_are_managed_is_read_or_written(entry: Entry, path: str) -> None:
    assert "is no file that is managed" in entry.result("helper fetch", payload.pack_call(HELPER, (path,)))
    manifest = f"nirkabel 1\nfile {'0' * 64} 644 -rw-r--r-- {path}\n".encode()
    pushed = archive(named("manifest", manifest))
    assert "is no file that is managed" in entry.result(f"helper apply {new_tx()} 60", pushed)
    assert entry.stages() == []


def test_every_file_of_a_debian_access_point_is_managed_through_the_entry(entry: Entry) -> None:
    paths = {path for ap in aps_of("debian") for path in rendered(load(text_of("debian")), ap).paths}
    stream = payload.pack_call(HELPER, (*sorted(paths), *MANIFESTS))
    assert entry.result("helper observe", stream) == "observed"


def test_only_the_helper_that_root_let_in_runs(entry: Entry) -> None:
    other = payload.pack_call(b"echo result observed\n")
    assert entry.result("helper observe", other).startswith("failed root has let in another helper")
    (entry.here / "helper.sha256").unlink()
    assert entry.result("helper observe", OBSERVE).startswith("failed root has let in another helper")
    assert entry.result("helper observe", OBSERVE[:-20]) == "damaged"
    assert entry.stages() == []


@pytest.mark.parametrize(
    "bad",
    [
        named("files", b"", link="/etc"),
        named("paths", b"x", mode=0o4755),
    ],
    ids=["link", "setuid"],
)
def test_an_archive_holds_plain_files_alone(entry: Entry, bad: tuple[tarfile.TarInfo, bytes]) -> None:
    said = entry.result("helper observe", archive(bad))
    left = [path for path in entry.root.rglob("*") if path.is_symlink() or path.stat().st_mode & 0o7000]
    assert (said.split()[0] in ("bad-payload", "observed"), left) == (True, [])
    assert said == "bad-payload files" or bad[0].mode == 0o4755, "tar itself takes such bits away"


@pytest.mark.parametrize(
    "request_line",
    [
        "",
        "sh",
        "facts more",
        "locate",
        "locate 99999",
        "locate $(id)",
        "helper",
        "helper work 00",
        "helper recover",
        "helper apply aa 60",
        "helper observe ../x",
        "exec; id",
    ],
)
def test_anything_else_is_refused(entry: Entry, request_line: str) -> None:
    assert entry.result(request_line).startswith("bad-payload")


def test_a_free_command_runs_only_where_root_allows_it(entry: Entry) -> None:
    assert entry.result("exec", b"touch /tmp/never") == "refused exec"
    (entry.here / "exec").touch()
    assert entry.ask("exec", b"echo out; exit 3") == "out\n\nresult exit 3\n"


def test_what_an_access_point_says_of_itself_is_the_same_by_both_ways(entry: Entry) -> None:
    said = entry.ask("facts")
    assert "kind debian\n" in said
    assert said.endswith("\nresult exit 0\n")
    assert entry.ask("start") == f"{Path('/proc/sys/kernel/random/boot_id').read_text()}\nresult exit 0\n"


@pytest.mark.parametrize(
    ("sudo", "said"), [("cat", "facts\n"), ("exit 1", "result failed sudo does not let nirkabel run")]
)
def test_who_is_not_root_goes_through_a_stand_in_for_sudo(tmp_path: Path, sudo: str, said: str) -> None:
    (tmp_path / "sudo").write_text(f"#!/bin/sh\n{sudo}\n")
    (tmp_path / "sudo").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", account.command("nirkabel")],
        env={"PATH": f"{tmp_path}:/bin"},
        input=account.request("facts", b"").decode(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(said)
    assert not Target("127.0.0.1", 22, "nirkabel", "").is_root


def test_what_root_runs_is_read_by_a_shell_and_names_no_secret(tmp_path: Path) -> None:
    script = account.script("nirkabel", "ssh-ed25519 AAAA nirkabel", SEED)
    (tmp_path / "script").write_text(script)
    done = subprocess.run(["sh", "-n", str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert account.entry() in script
    assert hashlib.sha256(HELPER).hexdigest() in script
    assert "@" not in script.replace("$@", "").replace("[.+@]", ""), "something was not filled in"
