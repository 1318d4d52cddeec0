"""A paramiko transport that the calling thread drives itself: no thread, no timer and no polling for each connection.

Paramiko starts a thread for each connection, which reads while the caller waits on events and looks up every tenth of a
second; handing each packet from thread to thread costs more than a third of a whole push. Here the caller reads packets
until what it waits for is there. It waits as seldom as SSH allows, since a round trip is the dearest thing there is on
a slow uplink, and waking up the dearest on this machine: the first KEXINIT leaves with the version line (RFC 4253
section 4.2 does not ask for the other's), the request to log in with the one for its service and for the session, a
command with its input.

That uses names which paramiko keeps to itself, so it is for the versions alone that it was tried with (`usable`);
`controller.transport.ssh` takes the ordinary transport for any other.
"""

import hmac
import socket
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import paramiko
import structlog
from paramiko.common import (
    MSG_CHANNEL_OPEN,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_SERVICE_ACCEPT,
    MSG_UNIMPLEMENTED,
    MSG_USERAUTH_BANNER,
    MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_SUCCESS,
    cMSG_CHANNEL_REQUEST,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_REQUEST,
)

log = structlog.get_logger("controller")

TRIED: Final = ("5.1.",)
"""Beginnings of the versions whose inner names are as this module has them."""
_RSA: Final = "rsa-sha2-256"
"""How an RSA key signs (RFC 8332): OpenSSH since 7.2 and dropbear since 2020.79 know it."""
_CERTIFIED: Final = "-cert-v01@openssh.com"
_AT_ONCE: Final = 65536


@cache
def usable() -> bool:
    """Whether this paramiko is one of them. If not, pushes cost half as much again, which the log says."""
    tried = str(paramiko.__version__).startswith(TRIED)
    if not tried:
        log.warning("SSH as paramiko has it: this version was never tried", paramiko=paramiko.__version__, tried=TRIED)
    return tried


class Wire:
    """A socket that gathers what is written until something must be waited for, and reads as much as has come."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]):
        self._socket = connection
        self._left = left
        """Seconds until the deadline; raises when it is over."""
        self._come = b""
        self._leaving = bytearray()

    def recv(self, size: int) -> bytes:
        if not self._come:
            self._flush()
            self._socket.settimeout(self._left())
            self._come = self._socket.recv(_AT_ONCE)
        data, self._come = self._come[:size], self._come[size:]
        return data

    def send(self, data: bytes) -> int:
        self._leaving += data
        if len(self._leaving) >= _AT_ONCE:
            self._flush()
        return len(data)

    def _flush(self) -> None:
        if self._leaving:
            leaving, self._leaving = self._leaving, bytearray()
            self._socket.settimeout(self._left())
            self._socket.sendall(leaving)

    def settimeout(self, seconds: float | None) -> None:
        """The deadline is the only one."""

    def close(self) -> None:
        self._socket.close()


class Driven(paramiko.Transport):  # type: ignore[misc] # paramiko has no types
    """A client's transport on a `Wire`, which bounds every read and write; what it raises comes through."""

    _expected_packet: tuple[int, ...]
    # Short lists: both sides read them whole for every connection. Every OpenSSH and dropbear has some of each.
    _preferred_ciphers = ("aes128-ctr", "aes256-ctr", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
    _preferred_macs = (
        "hmac-sha2-256", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512", "hmac-sha2-512-etm@openssh.com",
    )  # fmt: skip

    def __init__(self, wire: Wire):
        # Paramiko's own compares byte by byte in Python, and makes an object for each checksum: for every packet.
        paramiko.util.constant_time_bytes_eq = hmac.compare_digest
        paramiko.packet.compute_hmac = hmac.digest
        super().__init__(wire)
        self.logged_in = False
        self._handler_table |= {
            MSG_SERVICE_ACCEPT: _pass_over,
            MSG_USERAUTH_BANNER: _pass_over,
            MSG_USERAUTH_SUCCESS: self._let_in,
            MSG_USERAUTH_FAILURE: self._turn_away,
        }

    def _filter_algorithm(self, kind: str) -> tuple[str, ...]:
        """What is offered, without looking for what was disabled: nothing is."""
        offered: tuple[str, ...] = getattr(self, f"_preferred_{kind}")
        return offered

    def start_client(self, event: object = None, timeout: float | None = None) -> None:  # noqa: ARG002 - paramiko's
        """Exchanges keys."""
        self.active = True
        self.packetizer.write_all(f"{self.local_version}\r\n".encode())
        self._send_kex_init()
        self._check_banner()
        self._expect_packet(MSG_KEXINIT)
        self.until(lambda: self.initial_kex_done)

    def log_in(self, user: str, key: paramiko.PKey) -> None:
        """Asks to be let in (RFC 4252 section 7). The answer is heard by whatever waits next: `logged_in`, or an
        AuthenticationException.
        """
        service = paramiko.Message()
        service.add_byte(cMSG_SERVICE_REQUEST)
        service.add_string("ssh-userauth")
        self._send_message(service)
        algorithm = _RSA if key.get_name() == "ssh-rsa" else key.get_name()
        blob = key.public_blob  # its certificate
        named, shown = (algorithm + _CERTIFIED, blob.key_blob) if blob else (algorithm, key.asbytes())
        request = paramiko.Message()
        request.add_byte(cMSG_USERAUTH_REQUEST)
        for text in (user, "ssh-connection", "publickey"):
            request.add_string(text)
        request.add_boolean(True)
        request.add_string(named)
        request.add_string(shown)
        signed = paramiko.Message()
        signed.add_string(self.session_id)
        signed.add_bytes(request.asbytes())
        request.add_string(key.sign_ssh_data(signed.asbytes(), algorithm))
        self._send_message(request)

    def run(self, channel: paramiko.Channel, command: str) -> None:
        """Starts a command, whose input may follow at once. One that is refused has neither output nor exit status."""
        request = paramiko.Message()
        request.add_byte(cMSG_CHANNEL_REQUEST)
        request.add_int(channel.remote_chanid)
        request.add_string("exec")
        request.add_boolean(False)
        request.add_string(command)
        self._send_user_message(request)

    def close(self) -> None:
        super().close()
        self.sock.close()  # which paramiko leaves to its thread once the other side has ended the connection

    def until(self, done: Callable[[], bool]) -> None:
        """Reads packets until `done`. EOFError when the other side ends the connection."""
        while not done():
            self._step()

    def _let_in(self, _message: paramiko.Message) -> None:
        self.logged_in = self.authenticated = True

    @staticmethod
    def _turn_away(_message: paramiko.Message) -> None:
        raise paramiko.AuthenticationException("the key is refused")

    def _log(self, level: int, message: object, *arguments: object) -> None:
        """Nothing: its thirty lines for each connection are for those who mend paramiko."""

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
            self._handler_table[kind](message)
        elif kind in self._channel_handler_table:
            channel = self._channels.get(message.get_int())
            if channel is not None:
                self._channel_handler_table[kind](channel, message)
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
        if data.asbytes()[0] == MSG_CHANNEL_OPEN:
            self.until(lambda: all(event.is_set() for event in self.channel_events.values()))

    # -- what replaces a channel's own waiting --

    def wait_to_send(self, channel: paramiko.Channel) -> None:
        """Until the channel's window has room, or it is over."""
        self.until(lambda: channel.out_window_size > 0 or channel.closed)

    def wait_to_receive(self, channel: paramiko.Channel) -> None:
        """Until there is something to read, or its end."""
        self.until(lambda: channel.recv_ready() or channel.eof_received or channel.closed)


def _pass_over(_message: paramiko.Message) -> None:
    """What needs no answer."""
