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
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

_USER = "nirkabel"
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
    return f"postgresql://{_USER}@/{database}?host={folder}"


def _wait(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(_url(folder, "postgres")).close()
        except psycopg.OperationalError as error:
            assert server.poll() is None, f"PostgreSQL ended:\n{(folder / 'log').read_text()}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer: {error}"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running server's database `postgres`."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user = _as_another_user(folder)
    data = folder / "data"
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
    made = subprocess.run([*user, *initdb, "--no-sync"], capture_output=True, text=True, cwd=folder, check=False)
    assert made.returncode == 0, made.stderr
    options = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
    command = [str(programs / "postgres"), "-D", str(data)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*user, *command], stdout=log, stderr=log, cwd=folder)
    try:
        _wait(server, folder)
        yield _url(folder, "postgres")
    finally:
        server.send_signal(signal.SIGQUIT)  # stop at once; nothing here is worth a checkpoint
        server.wait(15)
        shutil.rmtree(folder)


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
