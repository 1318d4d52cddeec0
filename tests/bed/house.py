"""The whole house in the bed: our services on the wan side, a blank access point, phones; all by real commands."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import city
from .net import PORTAL, Bed, Client, wait_until

_BIN = Path(sys.executable).parent
_TOP = Path(__file__).parents[2]

PROBE = '\n[probe]\ninterval = "1s"\ntimeout = "1s"\ndown_after = 2\ndown_for = "2s"\nup_after = 2\n'
"""A minute's work in a second, so that an outage can be waited for."""


@dataclass(frozen=True)
class Seen:
    """What a phone's browser ended at."""

    url: str
    status: int
    text: str
    alert: str
    visited: list[str]


class House:
    """`hotspot up` at portal.test beside an access point that nobody has configured yet. Use as a context manager."""

    def __init__(self, folder: Path, *, level: int = 1, clients: int = 2):
        self.folder = folder
        self.level = level
        self.bed = Bed(folder, clients)
        self.tls = level == 3
        self.url = "https://portal.test:8443" if self.tls else "http://portal.test:8000"
        self.sites = folder / "sites.toml"
        self.log = folder / "up.log"
        self._up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.bed.__enter__()
        try:
            if self.tls:
                make_certificate(self.folder)
            text = city.sites_toml(level=self.level, portal=self.url)
            quick = text.replace('nas = "opennds"', 'nas = "opennds"\nagent_interval = "2s"')
            self.sites.write_text(quick + PROBE)
        except BaseException:
            self.bed.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
        self.bed.close()

    # -- our side --------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        port = 8443 if self.tls else 8000
        found = {
            "HOTSPOT_STATE": str(self.folder / "state"),
            "HOTSPOT_PORTAL_LISTEN": f"{PORTAL}:{port}",
            "HOTSPOT_RADIUS_AUTH_LISTEN": f"{PORTAL}:1812",
            "HOTSPOT_RADIUS_ACCT_LISTEN": f"{PORTAL}:1813",
            "HOTSPOT_TELEMETRY_LISTEN": f"{PORTAL}:8090",
        }
        if self.tls:
            found["HOTSPOT_PORTAL_TLS_CERT"] = str(self.folder / "portal.crt")
            found["HOTSPOT_PORTAL_TLS_KEY"] = str(self.folder / "portal.key")
        return found

    def hotspot(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """A `hotspot` command on the wan side, whatever its exit code."""
        return subprocess.run(
            self.bed.wan.argv(str(_BIN / "hotspot"), *arguments),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            input=stdin,
            check=False,
            timeout=300,
        )

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.hotspot(*arguments, stdin=stdin)
        assert done.returncode == 0, f"hotspot {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def start(self) -> None:
        """`hotspot up`, ready when all services listen."""
        self.run("secrets", "create", "--sites", str(self.sites))
        command = self.bed.wan.argv(str(_BIN / "hotspot"), "up", "--sites", str(self.sites))
        with self.log.open("wb") as output:
            self._up = subprocess.Popen(
                command, env={**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"}, stdout=output, stderr=output
            )
        for name in ("portal", "radius", "telemetry"):
            wait_until(partial(self._says, f"{name} listening on"), f"{name} listens")

    def _says(self, text: str) -> bool:
        return text in self.log.read_text()

    def stop(self) -> None:
        if self._up is not None:
            self._up.terminate()
            self._up.wait(60)
            self._up = None

    # -- the access point ------------------------------------------------------------------------------------------

    def configure(self) -> str:
        """Adopts the blank access point and applies its configuration, as an admin does. What `apply` printed."""
        self.bed.ap.authorize(self.run("keys", "create").strip().splitlines()[-1])
        if self.tls:
            authority = (self.folder / "ca.crt").read_text()
            trusted = "/etc/ssl/certs/ca-certificates.crt"
            done = self.bed.ap.run("sh", "-c", f"cat >>{trusted} <<'EOF'\n{authority}EOF")
            assert done.returncode == 0, done.stderr
        self.run("adopt", city.AP, "--yes")
        return self.run("apply", "--yes")

    # -- people ----------------------------------------------------------------------------------------------------

    def join(self, client: Client) -> None:
        """A phone joins: DHCP, the router's DNS, and openNDS holds it back."""
        wait_until(lambda: "client_list_length" in self.bed.ap.run("ndsctl", "json").stdout, "openNDS is up")
        try:
            lease = client.dhcp()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.bed.ap.look()}") from error
        client.known_to_opennds()
        resolv = Path("/etc/netns") / client.name
        resolv.mkdir(parents=True, exist_ok=True)
        (resolv / "resolv.conf").write_text(f"nameserver {lease.dns}\n")

    def until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """`wait_until` with a phone's patience. Where it fails: the router's state and the services' last lines."""
        try:
            wait_until(condition, what, seconds, pause=1)
        except AssertionError as error:
            log = "\n".join(self.log.read_text().splitlines()[-60:])
            raise AssertionError(f"{error}\n{self.bed.ap.look()}\n{log}") from error

    def phone(self, client: Client, url: str, method: str, **fields: str) -> Seen:
        """A person's visit (`tests.bed.phone`)."""
        words = [f"{name}={value}" for name, value in fields.items()]
        trust = ["env", f"SSL_CERT_FILE={self.folder / 'ca.crt'}"] if self.tls else []
        command = [*trust, sys.executable, "-m", "tests.bed.phone", url, method, *words]
        done = client.run(*command, PYTHONPATH=str(_TOP))
        assert done.returncode == 0, done.stderr
        return Seen(**json.loads(done.stdout))


def make_certificate(folder: Path) -> None:
    """A certificate authority of the bed's own, and portal.test's certificate by it."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=Bed CA")
    openssl("req", *key, "-keyout", "portal.key", "-out", "portal.csr", "-subj", "/CN=portal.test")
    (folder / "san").write_text("subjectAltName=DNS:portal.test\n")
    openssl(
        "x509", "-req", "-in", "portal.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
        "-out", "portal.crt", "-days", "2", "-extfile", "san",
    )  # fmt: skip
