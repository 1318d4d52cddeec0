"""A PostgreSQL server for the tests: on a Unix socket only, in a temporary folder, gone afterwards.

The server refuses to run as root. Real root starts it as another user; root of a user namespace, where only one user
exists, in a further namespace in which it is user 1000.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

USER = "nirkabel"
_NOBODY = 65534
_PATIENCE = 30.0
"""Seconds that the server may take to answer."""


def binaries() -> Path | None:
    """The folder of the newest server that is installed."""
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if debian:
        return max(debian, key=lambda folder: int(folder.parent.name))
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def _as_another_user(folder: Path) -> list[str]:
    """What to put before a command so that it is not root, with the folder handed over to it."""
    if os.geteuid() != 0:
        return []
    users = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    if users == 1:
        return ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    os.chown(folder, _NOBODY, _NOBODY)
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]


def _url(folder: Path, database: str) -> str:
    return f"postgresql://{USER}@/{database}?host={folder}"


@dataclass(frozen=True)
class Server:
    """A running server: the URL of its database `postgres`, and its first process."""

    url: str
    pid: int

    def run(self, statement: str, *names: str) -> None:
        """A statement outside of any transaction, its placeholders filled with names."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def database(self, name: str) -> str:
        """The URL of another database."""
        return self.url.replace("/postgres?", f"/{name}?")

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"t{uuid4().hex}"
        self.run("CREATE DATABASE {}", name)
        return self.database(name)


class Cluster:
    """A server's files in a folder, which it may be started on again and again."""

    def __init__(self, programs: Path, options: Mapping[str, str], folder: Path):
        self._folder = folder
        user = _as_another_user(folder)
        data = folder / "data"
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        made = subprocess.run([*user, *initdb, "--no-sync"], capture_output=True, text=True, cwd=folder, check=False)
        assert made.returncode == 0, made.stderr
        all_options = {"listen_addresses": "", "unix_socket_directories": str(folder), **options}
        self._command = [*user, str(programs / "postgres"), "-D", str(data)]
        self._command += [part for name, value in all_options.items() for part in ("-c", f"{name}={value}")]
        self._process: subprocess.Popen[bytes] | None = None
        self._url = _url(folder, "postgres")

    def start(self) -> Server:
        """Starts it, where it does not run, and waits until it answers."""
        if self._process is not None:
            return Server(self._url, self._process.pid)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder)
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self._url).close()
            except psycopg.OperationalError as error:
                assert self._process.poll() is None, f"PostgreSQL ended:\n{(self._folder / 'log').read_text()}"
                assert time.monotonic() < deadline, f"PostgreSQL does not answer: {error}"
                time.sleep(0.05)
            else:
                return Server(self._url, self._process.pid)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """All its processes are stopped (SIGSTOP), so that it keeps its connections and answers none, until the end of
        the block."""
        assert self._process is not None
        first = self._process.pid
        os.kill(first, signal.SIGSTOP)  # before its children are counted: it starts no other now
        children = _children(first)
        try:
            for process in children:
                _tell(process, signal.SIGSTOP)
            yield
        finally:
            for process in (*children, first):
                _tell(process, signal.SIGCONT)

    def stop(self) -> None:
        """Stops it at once: nothing here is worth a checkpoint."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(15)
            self._process = None


def _tell(process: int, what: signal.Signals) -> None:
    """Sends a signal to a process, which may have ended by itself meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(process, what)


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(status.parent.name))
    return found


@contextmanager
def running(programs: Path, options: Mapping[str, str], where: Path | None = None) -> Iterator[Server]:
    """A new server with these settings in a folder of `where` (or of /tmp), and nothing of it left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=where))
    cluster = Cluster(programs, options, folder)
    try:
        yield cluster.start()
    finally:
        cluster.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server for one module's tests, which may start and stop it. It forgets nothing of what it has acknowledged."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    made = Cluster(programs, {}, folder)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running server's database `postgres`."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed")
    with running(programs, {"fsync": "off"}) as server:
        yield server.url


@pytest.fixture
def fresh_postgres(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Makes an empty database at every call and answers its URL; drops them all after the test."""
    yield from _fresh(postgres_url)


@pytest.fixture(scope="module")
def module_postgres(postgres_url: str) -> Iterator[Callable[[], str]]:
    """The same for a whole module's tests."""
    yield from _fresh(postgres_url)


def _fresh(postgres_url: str) -> Iterator[Callable[[], str]]:
    made: list[str] = []

    def run(statement: str, name: str) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def make() -> str:
        name = f"t{uuid4().hex}"
        run("CREATE DATABASE {}", name)
        made.append(name)
        return postgres_url.replace("/postgres?", f"/{name}?")

    yield make
    for name in made:
        run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
