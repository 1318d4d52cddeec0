"""FreeRADIUS as the side of a gateway that takes orders: the real program, configured to know two sessions.

User-Name `f…f` is acknowledged, `e…e` unknown (503), `d…d` prohibited (501); anybody else is not answered.
"""

import shutil
import subprocess
import threading
from pathlib import Path
from typing import Self

_CONFIGURATION = """
prefix = /usr
logdir = {folder}
run_dir = {folder}
libdir = {modules}
thread pool {{
    start_servers = 1
    max_servers = 2
    min_spare_servers = 1
    max_spare_servers = 1
}}
clients owner {{
    client gateway-owner {{
        ipaddr = 127.0.0.1
        proto = {proto}
        secret = "{secret}"
        require_message_authenticator = yes
    }}
}}
modules {{
    always ok {{
        rcode = ok
    }}
    always reject {{
        rcode = reject
    }}
    always handled {{
        rcode = handled
    }}
}}
server orders {{
    listen {{
        type = coa
        ipaddr = 127.0.0.1
        port = {port}
        clients = owner
        {tls}
    }}
    recv-coa {{
        if (&User-Name == "{known}") {{
            ok
        }}
        elsif (&User-Name == "{unknown}") {{
            update reply {{
                Error-Cause := Session-Context-Not-Found
            }}
            reject
        }}
        elsif (&User-Name == "{prohibited}") {{
            update reply {{
                Error-Cause := Administratively-Prohibited
            }}
            reject
        }}
        else {{
            update control {{
                Response-Packet-Type := Do-Not-Respond
            }}
            handled
        }}
    }}
}}
"""


_TLS = """proto = tcp
        tls {{
            private_key_file = {key}
            certificate_file = {certificate}
            ca_file = {authority}
            require_client_cert = yes
            tls_max_version = "1.3"
        }}"""


class FreeRadius:
    """A running server; `lines` are its debugging output, which names every attribute that it has read."""

    def __init__(self, folder: Path, port: int, secret: str, tls: tuple[Path, Path, Path] | None = None):
        """`tls` are its certificate, its key and the authority that it believes: then it listens on TCP."""
        program = shutil.which("freeradius", path="/usr/sbin:/usr/bin")
        assert program, "package freeradius is missing"
        modules = next(path.parent for path in Path("/usr/lib").rglob("libfreeradius-radius.so"))
        users = {"known": "f" * 32, "unknown": "e" * 32, "prohibited": "d" * 32}
        files = dict(zip(("certificate", "key", "authority"), tls, strict=True)) if tls else {}
        over = {"proto": "tls", "tls": _TLS.format(**files)} if tls else {"proto": "udp", "tls": ""}
        text = _CONFIGURATION.format(folder=folder, modules=modules, secret=secret, port=port, **over, **users)
        (folder / "radiusd.conf").write_text(text)
        self.lines: list[str] = []
        self._ended_or_ready = threading.Event()
        self._serves = False
        how = ["-fxx", "-l", "stdout"] if tls else ["-X"]  # for TLS it wants its threads
        command = [program, *how, "-d", str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)
            if "Ready to process requests" in line:
                self._serves = True
                self._ended_or_ready.set()
        self._ended_or_ready.set()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def __enter__(self) -> Self:
        self._ended_or_ready.wait(60)
        if not self._serves:
            self.__exit__()
            raise AssertionError(f"FreeRADIUS does not serve:\n{self.text}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
