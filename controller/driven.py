"""A paramiko transport that the calling thread drives itself: no thread, no timer and no polling for each connection.

Paramiko starts a thread for each connection, which reads while the caller waits on events and looks up every tenth of a
second; handing each packet from thread to thread costs more than a third of a whole push. Here the caller reads packets
until what it waits for is there. That uses names which paramiko keeps to itself, so it is for the versions alone that
it was tried with (`usable`); `controller.ssh` takes the ordinary transport for any other.
"""

from collections.abc import Callable
from threading import Event
from typing import Any, Final

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_REQUEST,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_UNIMPLEMENTED,
)

TRIED: Final = ("5.1.",)
"""Beginnings of the versions whose inner names are as this module has them."""


def usable() -> bool:
    return str(paramiko.__version__).startswith(TRIED)


class Driven(paramiko.Transport):  # type: ignore[misc] # paramiko has no types
    """A client's transport. Its socket bounds every read and write by itself; what it raises comes through."""

    _expected_packet: tuple[int, ...]

    def start_client(self, event: object = None, timeout: float | None = None) -> None:  # noqa: ARG002 - paramiko's
        """Exchanges keys."""
        self.active = True
        self.packetizer.write_all(f"{self.local_version}\r\n".encode())
        self._check_banner()
        self._send_kex_init()
        self._expect_packet(MSG_KEXINIT)
        self.until(lambda: self.initial_kex_done)

    def auth_publickey(self, username: str, key: paramiko.PKey, event: object = None) -> list[str]:  # noqa: ARG002
        answered = Event()
        self.auth_handler = AuthHandler(self)
        self.auth_handler.auth_publickey(username, key, answered)
        try:
            self.until(answered.is_set)
        except EOFError as error:
            raise paramiko.AuthenticationException("it ended the connection instead of an answer") from error
        if not self.auth_handler.is_authenticated():
            raise self.get_exception() or paramiko.AuthenticationException("Authentication failed.")
        return []

    def close(self) -> None:
        super().close()
        self.sock.close()  # which paramiko leaves to its thread once the other side has ended the connection

    def until(self, done: Callable[[], bool]) -> None:
        """Reads packets until `done`. EOFError when the other side ends the connection."""
        while not done():
            self._step()

    def _step(self) -> None:
        kind, message = self.packetizer.read_message()
        if kind in (MSG_IGNORE, MSG_DEBUG):
            self._enforce_strict_kex(kind)
            return
        if kind == MSG_DISCONNECT:
            self.active = False
            raise EOFError("it ended the connection")
        if self._expected_packet:
            if kind not in self._expected_packet:
                raise paramiko.SSHException(f"it sent packet {kind} out of order")
            self._expected_packet = ()
            if 30 <= kind <= 41:
                self.kex_engine.parse_next(kind, message)
                return
        self._dispatch(kind, message)

    def _dispatch(self, kind: int, message: Any) -> None:
        if kind in self._handler_table:
            refusal = self._ensure_authed(kind, message)
            if refusal:
                self._send_message(refusal)
            else:
                self._handler_table[kind](message)
        elif kind in self._channel_handler_table:
            channel = self._channels.get(message.get_int())
            if channel is not None:
                self._channel_handler_table[kind](channel, message)
        elif self.auth_handler is not None and kind in self.auth_handler._handler_table:
            self.auth_handler._handler_table[kind](message)
        elif kind != MSG_UNIMPLEMENTED:
            answer = paramiko.Message()
            answer.add_byte(bytes([MSG_UNIMPLEMENTED]))
            answer.add_int(message.seqno)
            self._send_message(answer)

    def _send_user_message(self, data: paramiko.Message) -> None:
        """Sends, and where paramiko would now wait for its thread to read the answer, reads it."""
        if not self.clear_to_send.is_set():
            self.until(self.clear_to_send.is_set)  # new keys are being exchanged
        self._send_message(data)
        raw = data.asbytes()
        if raw[0] == MSG_CHANNEL_OPEN:
            self.until(lambda: all(event.is_set() for event in self.channel_events.values()))
        elif raw[0] == MSG_CHANNEL_REQUEST:
            self.until(lambda: all(channel.event.is_set() for channel in self._channels.values()))

    # -- what replaces a channel's own waiting --

    def wait_to_send(self, channel: paramiko.Channel) -> None:
        """Until the channel's window has room, or it is over."""
        self.until(lambda: channel.out_window_size > 0 or channel.closed)

    def wait_to_receive(self, channel: paramiko.Channel) -> None:
        """Until there is something to read, or its end."""
        self.until(lambda: channel.recv_ready() or channel.eof_received or channel.closed)
