"""Runs the access point's helper on this machine, below a folder of its own, with a real shell."""

import os
import secrets
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controller import payload
from controller.desired import Desired
from controller.payload import unpacked
from controller.plan import Observed, parse_observed

NOT_ON_OPENWRT = [
    "base64",
    "diff",
    "install",
    "nohup",
    "od",
    "paste",
    "setsid",
    "shuf",
    "stat",
    "tac",
    "timeout",
    "xxd",
]
"""What OpenWrt's busybox lacks and Debian's has."""


def busybox_path(folder: Path) -> str:
    """A PATH on which every tool is busybox's, those alone that OpenWrt's has, too; Debian's lacks its flock."""
    folder.mkdir(parents=True)
    subprocess.run(["busybox", "--install", "-s", str(folder)], check=True)
    for name in NOT_ON_OPENWRT:
        (folder / name).unlink(missing_ok=True)
    (folder / "flock").symlink_to("/usr/bin/flock")
    return str(folder)


def lay_out_as_openwrt(root: Path) -> None:
    """The marks and folders of OpenWrt that the helper looks at."""
    for folder in ("etc/init.d", "etc/rc.d", "tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "var").symlink_to("tmp")
    (root / "etc/openwrt_release").write_text("DISTRIB_ID='OpenWrt'\n")
    (root / "etc/rc.common").touch()


@dataclass
class LocalAp:
    """An access point that is only a folder. `path` decides whose shell and tools it has."""

    root: Path
    path: str
    last: str = ""

    def command(self, verb: str, tx: str, *arguments: int | str) -> list[str]:
        return ["sh", "-c", payload.command(payload.helper(), verb, tx, *arguments, root=str(self.root))]

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": self.path, "NIRKABEL_RELOAD_SECONDS": "3", "NIRKABEL_PROBE_TRIES": "3"}

    def call(self, verb: str, tx: str, stream: bytes, *arguments: int | str) -> str:
        """The helper's answer."""
        done = subprocess.run(
            self.command(verb, tx, *arguments),
            input=stream,
            capture_output=True,
            env=self.environment,
            timeout=120,
            check=False,
        )
        return done.stdout.decode(errors="replace")

    def result(self, verb: str, tx: str, stream: bytes, *arguments: int | str) -> str:
        answer = self.call(verb, tx, stream, *arguments)
        return answer.strip().splitlines()[-1].removeprefix("result ") if answer.strip() else ""

    def apply(self, desired: Desired, confirm: int = 60, tx: str = "") -> tuple[str, str]:
        """(transaction, answer) of a push that is not confirmed yet."""
        tx = tx or new_tx()
        return tx, self.result("apply", tx, payload.pack(desired, payload.helper()), confirm)

    def confirm(self, tx: str) -> str:
        """The answer to a confirmation, with the proof where the switch is done."""
        word, _, proof = self.proof(tx).partition(" ")
        return (
            self.result("confirm", tx, payload.pack_call(payload.helper()), proof) if word == "applied" else self.last
        )

    def proof(self, tx: str) -> str:
        """What it says of the switch when that is over: the helper itself waits some seconds for it."""
        end = time.monotonic() + 60
        while True:
            self.last = self.result("confirm", tx, payload.pack_call(payload.helper()))
            if self.last != "switching" or time.monotonic() > end:
                return self.last

    def push(self, desired: Desired) -> str:
        tx, answer = self.apply(desired)
        return self.confirm(tx) if answer.startswith("armed") else answer

    def observe(self, *paths: str) -> Observed:
        return parse_observed(self.call("observe", new_tx(), payload.pack_call(payload.helper(), paths)))

    @property
    def is_openwrt(self) -> bool:
        return (self.root / "etc/openwrt_release").exists()

    def fetch(self, *paths: str) -> dict[str, bytes]:
        """The contents of those files that are there."""
        command = self.command("fetch", new_tx())
        stream = payload.pack_call(payload.helper(), paths)
        done = subprocess.run(command, input=stream, capture_output=True, env=self.environment, timeout=120, check=True)
        return {path: data for path, data in unpacked(done.stdout).items() if path in paths}

    def state(self, name: str) -> Path:
        return self.root / ("etc/nirkabel/state" if self.is_openwrt else "var/lib/nirkabel") / name

    def run(self, name: str) -> Path:
        return self.root / ("tmp/run/nirkabel" if self.is_openwrt else "run/nirkabel") / name

    def read(self, path: str) -> str | None:
        file = self.root / path[1:]
        return file.read_text() if file.exists() else None

    def write(self, path: str, text: str) -> None:
        file = self.root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def pid(self, name: str) -> int:
        return int(self.run(name).read_text())

    def kill(self, name: str) -> None:
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: _has_ended(pid))

    def clean(self) -> None:
        """Ends what it started and that still runs."""
        for name in ("watchdog", "worker"):
            end_helper(self.run(name))


def is_ours(pid: int, mark: str = "helper.sh") -> bool:
    """Whether it is a helper that runs; what ended and was not waited for has no command line."""
    return mark.encode() in _of_process(pid, "cmdline")


def end_helper(noted: Path, mark: str = "helper.sh") -> None:
    """Ends the helper whose process is noted in a file, where there is one; it may end by itself meanwhile."""
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = noted.read_text().strip()
        if pid and is_ours(int(pid), mark):
            os.kill(int(pid), signal.SIGKILL)


def _has_ended(pid: int) -> bool:
    status = _of_process(pid, "status")
    return not status or b"State:\tZ" in status


def _of_process(pid: int, name: str) -> bytes:
    """What the kernel says of a process; nothing of one that is no more."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def new_tx() -> str:
    return secrets.token_hex(16)


def eventually(condition: object, seconds: float = 60.0) -> None:
    """Waits until a condition holds; fails when it does not in time."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
