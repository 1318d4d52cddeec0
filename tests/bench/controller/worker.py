"""`python -m tests.bench.controller.worker WHAT FOLDER COUNT SERVER`: one run of ours, or of the bare paramiko loop.

A process of its own, so that its CPU time and memory are its own. Prints a JSON object: how many were good, the CPU for
each from the reading of the desired state to the last result, and the peak of its memory.
"""

import json
import resource
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import paramiko

from controller.commands.jobs import jobs_of, private_key
from controller.commands.runs import Ledger
from controller.desired import Desired, Reload
from controller.job import Job, Outcome, Result
from controller.plan import State
from controller.push import Contact
from controller.waves import WORKERS, Pace, Waves
from hotspot.node.terminal import Node
from hotspot.people.identity import new_id
from hotspot.store.city import pushes, revisions
from hotspot.store.city.pushes import HostKey, Run

from .targets import address, name, port, sites_toml

_START: list[float] = []
"""When the work began, in seconds of CPU: what comes before is the interpreter's own."""


def _node(folder: Path, count: int, server: str) -> Node:
    node = Node()
    node.state = folder / "state"
    host_key = (folder / f"host-{server}").read_text()
    with node.store.core.write() as connection:
        revisions.activate(connection, sites_toml(count, server), "bench", node.now)
        for number in range(count):
            pushes.pin(connection, HostKey(name(number), host_key, "bench"), "bench", node.now)
    return node


def _harmless(job: Job) -> Job:
    """The same files, with nothing of this machine checked or reloaded."""
    assert job.desired is not None, job.problem
    return replace(job, desired=Desired(job.desired.files, (), (Reload(":"),)))


def _ours(folder: Path, count: int, server: str, what: str) -> int:
    node = _node(folder, count, server)
    revision = node.revision()
    key = private_key(node, revision.inventory)
    jobs_of(node, revision, (name(0),))  # the city is read, the templates are compiled: the start of the program
    _START.append(time.process_time())
    jobs = [_harmless(job) for job in jobs_of(node, revision, ())]
    contacts = {job.ap: Contact(key, 60, str(folder / "ap" / job.ap)) for job in jobs}
    if what in ("check", "ask"):
        checked = Waves(jobs, lambda job: contacts[job.ap].plan(job), lambda: WORKERS).run()
        wanted = State.IN_SYNC if what == "check" else State.NEW
        return sum(result.plan is not None and result.plan.state is wanted for _, result in checked)

    def work(job: Job) -> Result:
        contact = contacts[job.ap]
        return contact.arm(job) if what == "push" else contact.apply(job)

    run = Run(new_id(), "apply", "bench", node.now, {})
    with node.store.core.write() as connection:
        pushes.begin_run(connection, run)
    ledger = Ledger(node, run)
    pace = Pace(len(jobs), canaries=1, wave=100)
    waves = Waves(ledger.intend(jobs, {job.ap: revision.number for job in jobs}), work, pace.width)
    good = 0
    for job, result in waves.run(lambda _job: pace.began()):
        ledger.finish(job, result)
        pace.saw(result)
        good += result.outcome is Outcome.APPLIED
        if result.outcome is not Outcome.APPLIED:
            print(f"{result.ap}: {result.outcome} {result.detail}", file=sys.stderr)
    ledger.end(waves.left, pace.halted)
    return good


def _bare(folder: Path, count: int, server: str) -> int:
    """What one writes by hand with some care: the key parsed once, a transport, one exec, one tar stream."""
    key = paramiko.Ed25519Key.from_private_key_file(str(folder / "state/ssh_ed25519"))
    host_key = (folder / f"host-{server}").read_text()
    stream = (folder / "files.tar.gz").read_bytes()

    def push(number: int) -> bool:
        with socket.create_connection((address(number), port(number, server))) as connection:
            transport = paramiko.Transport(connection)
            options = transport.get_security_options()
            options.kex = ("curve25519-sha256@libssh.org",)
            transport.start_client(timeout=30)
            shown = transport.get_remote_server_key()
            assert f"{shown.get_name()} {shown.get_base64()}" == host_key
            transport.auth_publickey("root", key)
            channel = transport.open_session()
            unpack = "tar xzf - && : && sha256sum -c sums >/dev/null && echo ok"
            channel.exec_command(f"cd {folder}/ap/{name(number)} && {unpack}")
            channel.sendall(stream)
            channel.shutdown_write()
            answer = b""
            while data := channel.recv(4096):
                answer += data
            transport.close()
            return answer == b"ok\n"

    _START.append(time.process_time())
    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(push, range(count)))


def main() -> None:
    what, folder, count, server = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    good = _bare(folder, count, server) if what == "bare" else _ours(folder, count, server, what)
    cpu_ms = (time.process_time() - _START[0]) / count * 1e3
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"good": good, "cpu_ms": cpu_ms, "rss_mb": rss_mb}))


if __name__ == "__main__":
    main()
