"""An account on a Debian access point that is not root: what root sets up for it once, and how it is asked. Pure.

sudo lets it run one program, the entry (`helper/entry.sh`), which takes a request in the first line of its stdin. The
texts that are sent where root logs in itself stand in the entry, so that both do the same. What is pushed it takes only
with a signature of this installation, which the key that logs in cannot make.
"""

import hashlib
import shlex
from importlib.resources import files
from typing import Final

from controller import payload, signing
from controller.transport import remote

PROGRAM: Final = "/usr/local/lib/nirkabel-entry/entry"
ALLOWS_EXEC: Final = "/usr/local/lib/nirkabel-entry/exec"


def _text(name: str) -> str:
    return (files("controller.posix") / "helper" / name).read_text()


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def entry(root: str = "") -> str:
    """The program; `root` puts all of its files below another folder (tests)."""
    texts = {
        "ROOT": root,
        "FACTS": remote.command(remote.FACTS),
        "START": remote.BOOT,
        "REBOOT": remote.REBOOT,
        "LOCATE": remote.locate("$seconds"),
    }
    return _filled(_text("entry.sh"), texts)


def script(user: str, key: str, signer: bytes) -> str:
    """What root runs on the access point, once and after each new version of ours. `key` is the line of the
    controller's public key, `signer` what its pushes are signed with.
    """
    values = {
        "USER": user,
        "KEY": " ".join(key.split()[:2]),
        "HELPER": hashlib.sha256(payload.helper()).hexdigest(),
        "SIGNER": signing.allowed_signer(signer),
        "PROGRAM": PROGRAM,
        "ENTRY": entry().rstrip("\n"),
    }
    return _filled(_text("account.sh"), values)


def command(user: str) -> str:
    """The shell text that takes a request and what belongs to it on stdin."""
    why = f"sudo does not let {user} run {PROGRAM} as root: `hotspot keys account` prints what root runs there"
    return f"sudo -n {PROGRAM} || echo {shlex.quote(f'result failed {why}')}"


def request(line: str, stdin: bytes) -> bytes:
    return f"{line}\n".encode() + stdin
