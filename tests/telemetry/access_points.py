"""Access points' SSH servers on loopback: dropbear, which most of them have, and OpenSSH."""

import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.bed.net import wait_until
from tests.node import free_port


def _greets(port: int) -> bool:
    """Whether it says who it is."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as one:
            return one.recv(4) == b"SSH-"
    except OSError:
        return False


class Dropbear:
    """One that lets nobody in; what it shows is `key` (`TYPE BASE64`)."""

    def __init__(self, folder: Path, kind: str = "ed25519", port: int | None = None):
        self.folder = folder
        self.port = port or free_port()
        file = folder / f"host-{kind}"
        made = subprocess.run(["dropbearkey", "-t", kind, "-f", file], check=True, capture_output=True, text=True)
        line = next(line for line in made.stdout.splitlines() if line.startswith(("ssh-", "ecdsa-")))
        self.key = " ".join(line.split()[:2])
        self._command = ["dropbear", "-F", "-E", "-r", str(file), "-p", f"127.0.0.1:{self.port}", "-P", ""]
        self.start()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(lambda: _greets(self.port), "dropbear greets")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class OpenSsh:
    """One whose host key an authority has signed for some names: the authority's key is `authority`."""

    def __init__(self, folder: Path, names: str):
        self.port = free_port()
        for name in ("host", "authority"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        sign = ["ssh-keygen", "-q", "-s", str(folder / "authority"), "-I", "ap", "-h", "-n", names]
        subprocess.run([*sign, str(folder / "host.pub")], check=True)
        self.authority = " ".join((folder / "authority.pub").read_text().split()[:2])
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
            f"HostCertificate {folder / 'host-cert.pub'}\nUsePAM no\nPidFile none\nStrictModes no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(folder / "config")])
        wait_until(lambda: _greets(self.port), "sshd greets")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)
