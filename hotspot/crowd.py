"""Who shares what a server has only so much of: whoever asks for most gives way first. Pure.

What is begun and not yet finished (a request still being sent, a handshake) costs a server memory, whoever begins it.
A server that refuses newcomers when it is full is closed by whoever fills it. Here the oldest of whoever holds most is
ended instead: honest senders finish within a second or two, so what is old is what was begun in order not to finish.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


@lru_cache(maxsize=4096)
def sender_of(address: str) -> str:
    """What stands for one sender: an IPv4 address, or of IPv6 the /64, which is given to one (RFC 6177). An IPv4
    address in IPv6's form (`::ffff:192.0.2.1`) is itself; what is no address stands for itself."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ip_network((int(found), 64), strict=False))
    return str(found)


@dataclass(frozen=True)
class Room:
    """How much there may be at a time."""

    of_one: int
    """Things of one sender."""
    in_all: int
    size: int | None = None
    """What all of them may hold together, in bytes."""


class Crowd(Generic[T]):
    """What is unfinished, by sender. Whatever a call returns is to be ended, and is known here no more."""

    def __init__(self, room: Room):
        self._room = room
        self._held: dict[str, dict[T, int]] = {}
        """Of every sender what is unfinished, oldest first, with its size."""
        self._sender: dict[T, str] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._sender)

    def __contains__(self, one: T) -> bool:
        return one in self._sender

    def begin(self, sender: str, one: T) -> list[T]:
        """Takes in a new one; it is never itself what must go."""
        going = []
        if len(self._held.get(sender, ())) >= self._room.of_one:
            going.append(self._end_oldest(sender))
        if len(self) >= self._room.in_all:
            going.append(self._end_oldest(max(self._held, key=lambda other: len(self._held[other]))))
        self._held.setdefault(sender, {})[one] = 0
        self._sender[one] = sender
        return going

    def grow(self, one: T, size: int) -> list[T]:
        """So many bytes more are held for it. It may itself be what must go; what is unknown here holds nothing."""
        sender = self._sender.get(one)
        if sender is None:
            return []
        self._held[sender][one] += size
        self._sizes[sender] = self._sizes.get(sender, 0) + size
        self._size += size
        going = []
        while self._room.size is not None and self._size > self._room.size:
            going.append(self._end_oldest(max(self._sizes, key=lambda other: self._sizes[other])))
        return going

    def end(self, one: T) -> None:
        """It is finished; or was ended before."""
        sender = self._sender.pop(one, None)
        if sender is None:
            return
        size = self._held[sender].pop(one)
        self._size -= size
        if not self._held[sender]:
            del self._held[sender]
            self._sizes.pop(sender, None)
        elif size:
            self._sizes[sender] -= size

    def _end_oldest(self, sender: str) -> T:
        one = next(iter(self._held[sender]))
        self.end(one)
        return one
