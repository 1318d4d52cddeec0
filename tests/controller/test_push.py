"""Single contacts with a real SSH server on loopback."""

import io
import os
import resource
import signal
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from controller import payload
from controller.desired import Desired, File, Reload
from controller.job import Job, Outcome
from controller.plan import State
from controller.posix.shell import ShellHands
from controller.push import Contact
from controller.transport.driven import usable
from controller.transport.ssh import (
    Problem,
    SshError,
    Target,
    create_key,
    execute,
    load_key,
    public_line,
    read_host_key,
)
from hotspot.errors import ConfigError, PeerError
from hotspot.host_key import fingerprint
from tests.bed.net import wait_until
from tests.node import free_port

from .local import end_helper


class Server:
    """dropbear on loopback; the helper's files go below `root`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = folder / "root"
        (self.root / "etc/systemd/system").mkdir(parents=True)
        self.port = free_port()
        create_key(folder / "key")
        self.key = load_key((folder / "key").read_bytes())
        subprocess.run(["dropbearkey", "-t", "ed25519", "-f", folder / "host"], check=True, capture_output=True)
        home = folder / "home/.ssh"
        home.mkdir(parents=True, mode=0o700)
        (home / "authorized_keys").write_text(public_line(self.key, "test") + "\n")
        (home / "authorized_keys").chmod(0o600)
        # A mount namespace of its own, in which root's home is a folder of the test's.
        home_of_root = 'chmod 700 "$1/home" && mount --bind "$1/home" /root'
        start = f'{home_of_root} && exec dropbear -F -E -s -r "$1/host" -p "127.0.0.1:$2"'
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", start, "sh", str(folder), str(self.port)], stderr=log, stdout=log
            )
        wait_until(self._listens, "dropbear listens")
        self.target = Target("127.0.0.1", self.port, "root", read_host_key("127.0.0.1", self.port))

    def _listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def logged(self, words: str) -> int:
        return (self.folder / "log").read_text().count(words)

    def contact(self, confirm: int = 60) -> Contact:
        return Contact(self.key, confirm, str(self.root))

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        for name in ("watchdog", "worker"):
            end_helper(self.root / "run/nirkabel" / name, str(self.root))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = Server(tmp_path_factory.mktemp("ssh"))
    yield one
    one.close()


def desired(text: str, *reloads: str) -> Desired:
    return Desired((File("/etc/a", text.encode(), 0o600),), reloads=tuple(Reload(one) for one in reloads))


def job(server: Server, text: str, *reloads: str) -> Job:
    return Job("ap", server.target, desired(text, *reloads))


def test_a_push_over_ssh_and_what_it_finds_afterwards(server: Server) -> None:
    contact = server.contact()
    before = contact.plan(job(server, "one\n"))
    assert before.plan is not None
    assert before.plan.state is State.NEW
    assert contact.apply(job(server, "one\n")).outcome is Outcome.APPLIED
    assert contact.apply(job(server, "one\n")).outcome is Outcome.IN_SYNC
    (server.root / "etc/a").write_text("by hand\n")
    found = contact.plan(job(server, "one\n"), contents=True)
    assert found.plan is not None
    assert found.plan.state is State.DRIFTED
    assert found.before == {"/etc/a": b"by hand\n"}
    repaired = contact.apply(job(server, "one\n"))
    assert repaired.outcome is Outcome.APPLIED
    assert repaired.diff[-2:] == ("-by hand", "+one")


def test_a_push_needs_two_connections(server: Server) -> None:
    """One that arms and hears the proof, and a new one that brings it."""
    before = server.logged("auth succeeded")
    assert server.contact().apply(job(server, f"two {before}\n")).outcome is Outcome.APPLIED
    assert server.logged("auth succeeded") == before + 2


def test_a_switch_that_ends_the_connection_is_confirmed_over_new_ones(server: Server) -> None:
    before = server.logged("auth succeeded")
    cut = f"sleep 1; pkill -9 -P {server.process.pid} dropbear"
    assert server.contact().apply(job(server, f"cut {before}\n", cut)).outcome is Outcome.APPLIED
    assert server.logged("auth succeeded") == before + 3, "the proof had to be asked for"


def test_a_switch_that_silences_the_connection_is_not_waited_for(server: Server) -> None:
    """Nothing comes any more, and no end of the connection either."""
    stop = f"sleep 1; pkill -STOP -P {server.process.pid} dropbear"
    started = time.monotonic()
    assert server.contact(confirm=60).apply(job(server, "silent\n", stop)).outcome is Outcome.APPLIED
    assert time.monotonic() - started < 40, "the contact may last a minute"
    subprocess.run(["pkill", "-KILL", "-P", str(server.process.pid), "dropbear"], check=True)


def test_what_a_push_wrote_over_is_told_without_secrets(server: Server) -> None:
    def config(secret: str, *more: File) -> Desired:
        return Desired((File("/etc/key", f"key={secret}\nx\n".encode(), 0o600, (r"^(key=).*$",)), *more))

    contact = server.contact()
    extra = File("/etc/more", b"more\n")
    assert contact.apply(Job("ap", server.target, config("one-secret", extra))).outcome is Outcome.APPLIED
    (server.root / "etc/key").write_text("key=by-hand\ny\n")
    new = File("/etc/new", b"n\n")
    result = contact.apply(Job("ap", server.target, config("another-secret", new)))
    assert result.outcome is Outcome.APPLIED
    text = "\n".join(result.diff)
    assert "-y\n+x" in text
    assert "/etc/more: removed" in text
    assert f"/etc/new: created, sha256 {new.sha256}" in text
    assert "key=[secret]" in text
    assert not any(secret in text for secret in ("one-secret", "another-secret", "by-hand"))


def test_a_large_configuration_fits_through_the_small_window(server: Server) -> None:
    text = "".join(f"{os.urandom(24).hex()}\n" for _ in range(20_000))
    assert server.contact().apply(job(server, text)).outcome is Outcome.APPLIED
    assert (server.root / "etc/a").read_text() == text


def test_a_failed_reload_is_a_result(server: Server) -> None:
    server.contact().apply(job(server, "good\n"))
    result = server.contact().apply(job(server, "bad\n", "echo it broke; false"))
    assert result.outcome is Outcome.REVERTED
    assert "it broke" in result.detail
    assert (server.root / "etc/a").read_text() == "good\n"


def test_a_push_that_waits_is_busy_for_the_next(server: Server) -> None:
    tx = "ab" * 16
    command = payload.command(payload.helper(), "apply", tx, 60, root=str(server.root))
    execute(server.target, server.key, command, payload.pack(desired("waits\n"), payload.helper()), 60)
    assert server.contact().apply(job(server, "other\n")).outcome is Outcome.BUSY
    command = payload.command(payload.helper(), "rollback", tx, root=str(server.root))
    assert b"reverted" in execute(server.target, server.key, command, payload.pack_call(payload.helper()), 60)


def test_a_foreign_host_key_gets_no_login(server: Server, tmp_path: Path) -> None:
    subprocess.run(["dropbearkey", "-t", "ed25519", "-f", tmp_path / "k"], check=True, capture_output=True)
    shown = subprocess.run(
        ["dropbearkey", "-y", "-f", tmp_path / "k"], check=True, capture_output=True, text=True
    ).stdout
    other = " ".join(next(line for line in shown.splitlines() if line.startswith("ssh-ed25519")).split()[:2])
    logged_in, left = (server.logged(words) for words in ("auth succeeded", "Exit before auth"))
    target = Target("127.0.0.1", server.port, "root", other)
    result = server.contact().apply(Job("ap", target, desired("x")))
    assert result.outcome is Outcome.WRONG_KEY
    assert fingerprint(other) in result.detail
    wait_until(lambda: server.logged("Exit before auth") > left, "dropbear saw it leave before a login")
    assert server.logged("auth succeeded") == logged_in


def test_a_foreign_key_is_refused(server: Server, tmp_path: Path) -> None:
    create_key(tmp_path / "other")
    with pytest.raises(SshError) as caught:
        execute(server.target, load_key((tmp_path / "other").read_bytes()), "true", b"", 60)
    assert caught.value.problem is Problem.REFUSED


class OpenSsh:
    """sshd on loopback, whose processes hand a connection on once its user is logged in."""

    def __init__(self, folder: Path):
        self.port = free_port()
        create_key(folder / "key")
        self.key = load_key((folder / "key").read_bytes())
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
        (folder / "authorized_keys").write_text(public_line(self.key, "test") + "\n")
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nUsePAM no\nPidFile none\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(folder / "config")])
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, "sshd listens")
        self.target = Target("127.0.0.1", self.port, "root", read_host_key("127.0.0.1", self.port))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def test_openssh_is_asked_for_all_at_once_too(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = OpenSsh(tmp_path)
    try:
        sent = os.urandom(300_000)
        assert execute(one.target, one.key, "cat", sent, 120) == sent
        create_key(tmp_path / "other")
        with pytest.raises(SshError) as caught:
            execute(one.target, load_key((tmp_path / "other").read_bytes()), "true", b"", 60)
        assert caught.value.problem is Problem.REFUSED
    finally:
        one.close()


def test_nobody_there(server: Server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        target = Target("127.0.0.1", taken.getsockname()[1], "root", server.target.host_key)
        assert server.contact().plan(Job("ap", target, desired("x"))).outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize("driven", [True, False])
def test_much_goes_both_ways_whoever_drives_the_connection(server: Server, driven: bool) -> None:
    """Far more than dropbear's window of 24 KB. (What answers before it has read all must stay below our 2 MB.)"""
    sent = os.urandom(1_500_000)
    assert usable(), "this paramiko's inner names were never looked at"
    assert execute(server.target, server.key, "cat", sent, 120, driven=driven) == sent
    early = execute(server.target, server.key, "head -c 10; exec <&-; echo over", sent, 120, driven=driven)
    assert early == sent[:10] + b"over\n"


@pytest.mark.parametrize("driven", [True, False])
@pytest.mark.parametrize("command", ["yes", "yes >&2", "cat /dev/zero; true"])
def test_an_answer_without_end_is_heard_no_further(server: Server, driven: bool, command: str) -> None:
    """Whatever a stolen access point sends, it fills no memory: on stdout, on stderr (which nobody reads)."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SshError) as caught:
        execute(server.target, server.key, command, b"", 4 if "2" in command else 60, driven=driven)
    assert caught.value.problem in ((Problem.TIMEOUT, Problem.TOO_MUCH) if "2" in command else (Problem.TOO_MUCH,))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "kB"


def test_every_question_says_so_when_the_answer_has_no_end(server: Server) -> None:
    hands = ShellHands("ap", server.target, server.key, 60)
    with pytest.raises(SshError) as caught:
        hands.run("yes", 60)
    assert caught.value.problem is Problem.TOO_MUCH


@pytest.mark.parametrize("beginning", [b"", b"SSH-2.0-x\r\n"])
def test_a_server_that_talks_without_end_before_any_key_is_heard_no_further(beginning: bytes) -> None:
    def talk(listener: socket.socket) -> None:
        for _ in range(3):
            with suppress(OSError), listener.accept()[0] as peer:
                peer.sendall(beginning)
                for _ in range(4096):
                    peer.sendall(b"x" * 65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener,), daemon=True)
        thread.start()
        with pytest.raises(SshError) as caught:
            read_host_key("127.0.0.1", listener.getsockname()[1], 20)
    assert caught.value.problem in (Problem.TOO_MUCH, Problem.BROKEN)


def test_an_archive_of_nothing_but_zeros_is_not_unpacked() -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz", compresslevel=9) as archive:
        for number in range(5):
            entry = tarfile.TarInfo(f"./{number}")
            entry.size = 64 << 20
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    assert len(tar.getvalue()) < 1 << 20
    with pytest.raises(PeerError, match="unpacks to more than"):
        payload.unpacked(tar.getvalue())


def test_a_server_that_dies_in_the_middle_is_a_broken_connection(server: Server) -> None:
    with pytest.raises(SshError) as caught:
        execute(server.target, server.key, "kill -9 $PPID; sleep 5", b"", 60)
    assert caught.value.problem is Problem.BROKEN


@pytest.mark.parametrize("driven", [True, False])
def test_a_command_that_hangs_ends_at_the_deadline(server: Server, driven: bool) -> None:
    started = time.monotonic()
    with pytest.raises(SshError) as caught:
        execute(server.target, server.key, "sleep 30", b"", 2, driven=driven)
    assert caught.value.problem is Problem.TIMEOUT
    assert time.monotonic() - started < 20


def test_a_server_that_says_nothing_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []
        thread = threading.Thread(target=lambda: held.append(silent.accept()[0]))
        thread.start()
        with pytest.raises(SshError):
            read_host_key("127.0.0.1", silent.getsockname()[1], seconds=2)
        thread.join()
        held[0].close()


def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    create_key(tmp_path / "state/key")
    assert (tmp_path / "state/key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_key(tmp_path / "state/key")
    with pytest.raises(ConfigError, match="not understood"):
        load_key(b"no key")
