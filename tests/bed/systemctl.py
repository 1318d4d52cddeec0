#!/usr/bin/python3 -SE
"""Stands in for systemctl where no systemd runs: really starts and stops the services that unit files describe.

Knows daemon-reload, enable, disable, start, stop, restart, reload and is-active, the types simple, forking and oneshot,
drop-ins, Environment, ExecStartPre, ExecStartPost, PIDFile, Wants and Requires; of a simple service also Restart and
RestartSec, without systemd's limit of starts.
"""

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

STATE = Path("/run/standin")
FOLDERS = (Path("/etc/systemd/system"), Path("/lib/systemd/system"))
Unit = dict[str, list[str]]


def read(name: str) -> Unit:
    """Keys of a unit and its drop-ins; an empty value empties the key, as systemd.unit(5) says."""
    main = next((folder / name for folder in FOLDERS if (folder / name).exists()), None)
    if main is None:
        sys.exit(f"Unit {name} not found.")
    found: Unit = {}
    for file in (main, *sorted((FOLDERS[0] / f"{name}.d").glob("*.conf"))):
        for line in file.read_text().splitlines():
            key, sign, value = line.strip().partition("=")
            if sign and not key.startswith(("#", ";")):
                found[key] = [*found.get(key, []), value] if value else []
    return found


def environment(unit: Unit) -> dict[str, str]:
    pairs = [word.partition("=") for value in unit.get("Environment", []) for word in shlex.split(value)]
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"} | {
        k: v for k, _, v in pairs
    }


def run_all(unit: Unit, key: str) -> None:
    for line in unit.get(key, []):
        done = subprocess.run(
            shlex.split(line.lstrip("-")), env=environment(unit), stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode and not line.startswith("-"):
            sys.exit(f"{key}={line} failed with {done.returncode}")


def noted(name: str) -> str:
    """What stands in the note of a service; empty where there is none, or none any more."""
    try:
        return (STATE / name).read_text().strip()
    except FileNotFoundError:
        return ""


def pid_of(name: str) -> int:
    """The service's process; 0 when it is not active, -1 for a oneshot that has run."""
    text = noted(name)
    if text in ("", "-1"):
        return int(text or 0)
    try:
        ended = "State:\tZ" in Path(f"/proc/{text}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        ended = True
    return 0 if ended else int(text)


def record(name: str, pid: int) -> None:
    """Notes the process at once or not at all: a supervisor reads while somebody writes."""
    fresh = STATE / f"{name}.new"
    fresh.write_text(str(pid))
    fresh.rename(STATE / name)


@contextlib.contextmanager
def job(name: str) -> Iterator[None]:
    """As systemd, one job of a service at a time, and services beside each other: openNDS restarts dnsmasq while others
    do, and while it is being stopped itself."""
    with (STATE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start(name: str) -> None:
    if pid_of(name):
        return
    unit = read(name)
    for needed in " ".join(unit.get("Wants", []) + unit.get("Requires", [])).split():
        with job(needed):
            start(needed)
    run_all(unit, "ExecStartPre")
    kind = (unit.get("Type") or ["simple"])[-1]
    if kind in ("oneshot", "forking"):
        run_all(unit, "ExecStart")
        pid_file = Path((unit.get("PIDFile") or [""])[-1])
        forked = kind == "forking" and pid_file.is_file()
        record(name, int(pid_file.read_text() or -1) if forked else -1)
    else:
        pid = launch(name, unit).pid
        record(name, pid)
        if (unit.get("Restart") or ["no"])[-1] in ("always", "on-failure") and os.fork() == 0:
            supervise(name, unit, pid)
    run_all(unit, "ExecStartPost")


def launch(name: str, unit: Unit) -> subprocess.Popen[bytes]:
    with (STATE / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            shlex.split(unit["ExecStart"][-1]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(unit),
            start_new_session=True,
        )


def supervise(name: str, unit: Unit, pid: int) -> None:
    """Starts a service again that ended, however it did; ends when somebody stops it. In a process of its own."""
    os.setsid()
    os.closerange(0, 256)  # whoever called systemctl does not wait for this process
    os.open(os.devnull, os.O_RDWR)
    os.dup2(0, 1)
    os.dup2(0, 2)
    while True:
        while pid_of(name) == pid:
            time.sleep(0.2)
        time.sleep(float((unit.get("RestartSec") or ["0.1"])[-1]))
        with job(name):
            if noted(name) != str(pid):
                os._exit(0)
            with (STATE / f"{name}.log").open("a") as log:
                log.write(f"{name} ended by itself and is started again\n")
            run_all(unit, "ExecStartPre")
            pid = launch(name, unit).pid
            record(name, pid)


def stop(name: str) -> None:
    pid = pid_of(name)
    if pid > 0:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 30  # openNDS runs dozens of programs before it goes
            while pid_of(name):
                if time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)
    (STATE / name).unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    STATE.mkdir(exist_ok=True)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # who calls from a handler of SIGTERM blocks it for what is started
    now = "--now" in arguments
    verb, *names = [word for word in arguments if not word.startswith("-")]
    units = [name if name.endswith(".service") else f"{name}.service" for name in names]
    for name in units:
        if verb == "is-active":
            print("active" if pid_of(name) else "inactive")
            return 0 if pid_of(name) else 3
        with job(name):
            if verb in ("stop", "restart") or (verb == "disable" and now):
                stop(name)
            if verb in ("start", "restart") or (verb == "enable" and now):
                start(name)
            if verb == "reload":
                run_all(read(name), "ExecReload")
        if verb in ("enable", "disable"):
            read(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
