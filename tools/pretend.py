"""pretend.py COMMAND...: a world with one user, in which changing users always works and does nothing.

A plain user's namespace maps one user only. Daemons that give up root (dropbear for its logins, dnsmasq) would stop
there, because the kernel refuses setgroups and setuid. A seccomp filter lets those calls, and chown, succeed idly.
"""

import ctypes
import os
import platform
import struct
import sys
from typing import Final

_CALLS: Final = {
    # setuid, setgid, setreuid, setregid, setgroups, setresuid, setresgid, chown, fchown, lchown, fchownat
    "x86_64": (0xC000003E, (105, 106, 113, 114, 116, 117, 119, 92, 93, 94, 260)),
    "aarch64": (0xC00000B7, (146, 144, 145, 143, 159, 147, 149, 55, 54)),
}
"""(AUDIT_ARCH, numbers of the calls), from linux/audit.h and asm/unistd.h."""

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _ERRNO_0 = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with no error
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2


def program(arch: int, calls: tuple[int, ...]) -> bytes:
    """The filter as struct sock_filter's, of which offset 4 is the architecture and 0 the call's number."""
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    steps += [(_EQUAL, len(calls) - i, 0, call) for i, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO_0)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def main(command: list[str]) -> None:
    known = _CALLS.get(platform.machine())
    if known is not None:
        code = ctypes.create_string_buffer(program(*known))
        header = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8, ctypes.addressof(code)))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0):
            sys.exit(f"the filter was refused: {os.strerror(ctypes.get_errno())}")
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
