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
client gateway-owner {{
    ipaddr = 127.0.0.1
    secret = "{secret}"
    require_message_authenticator = yes
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


class FreeRadius:
    """A running server; `lines` are its debugging output, which names every attribute that it has read."""

    def __init__(self, folder: Path, port: int, secret: str):
        program = shutil.which("freeradius", path="/usr/sbin:/usr/bin")
        assert program, "package freeradius is missing"
        modules = next(path.parent for path in Path("/usr/lib").rglob("libfreeradius-radius.so"))
        users = {"known": "f" * 32, "unknown": "e" * 32, "prohibited": "d" * 32}
        text = _CONFIGURATION.format(folder=folder, modules=modules, secret=secret, port=port, **users)
        (folder / "radiusd.conf").write_text(text)
        self.lines: list[str] = []
        self._ended_or_ready = threading.Event()
        self._serves = False
        self._process = subprocess.Popen(
            [program, "-X", "-d", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
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
        self._ended_or_ready.wait(20)
        if not self._serves:
            self.__exit__()
            raise AssertionError(f"FreeRADIUS does not serve:\n{self.text}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
