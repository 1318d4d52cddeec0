"""SSH and SFTP in front of the double of RouterOS: real protocols, and files that are bytes in a dictionary."""

import io
import os
from typing import Any, Protocol

import paramiko


class Router(Protocol):
    """What stands behind them."""

    files: dict[str, bytes]
    users: set[str]

    def answers_to(self, key: paramiko.PKey) -> bool: ...

    def execute(self, channel: paramiko.Channel, command: str) -> None: ...


class Server(paramiko.ServerInterface):  # type: ignore[misc] # paramiko has no types
    def __init__(self, router: Router):
        self.router = router

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.router.users.add(username)
        right = self.router.answers_to(key)
        return int(paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED)

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - paramiko's
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.router.execute(channel, command.decode())
        return True


class _Handle(paramiko.SFTPHandle):  # type: ignore[misc] # paramiko has no types
    def __init__(self, router: Router, name: str, *, written: bool):
        super().__init__()
        self._router = router
        self._name = name
        self._written = written
        self.writefile = io.BytesIO()
        self.readfile = io.BytesIO(b"" if written else router.files[name])

    def stat(self) -> Any:
        found = paramiko.SFTPAttributes()
        found.st_size = len(self.writefile.getvalue() or self.readfile.getvalue())
        return found

    def close(self) -> None:
        if self._written:
            self._router.files[self._name] = self.writefile.getvalue()


class Files(paramiko.SFTPServerInterface):  # type: ignore[misc] # paramiko has no types
    def __init__(self, server: Server, *_: object):
        super().__init__(server)
        self._router = server.router

    def open(self, path: str, flags: int, attr: object) -> _Handle | int:  # noqa: ARG002 - paramiko's
        written = bool(flags & os.O_WRONLY or flags & os.O_RDWR)
        if not written and path.lstrip("/") not in self._router.files:
            return int(paramiko.SFTP_NO_SUCH_FILE)
        return _Handle(self._router, path.lstrip("/"), written=written)

    def stat(self, path: str) -> Any:
        found = paramiko.SFTPAttributes()
        data = self._router.files.get(path.lstrip("/"))
        if data is None:
            return paramiko.SFTP_NO_SUCH_FILE
        found.st_size = len(data)
        return found

    def mkdir(self, path: str, attr: object) -> int:  # noqa: ARG002 - paramiko's
        return int(paramiko.SFTP_OK)
