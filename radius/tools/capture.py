"""RADIUS datagrams out of a packet capture (scapy reads it) or out of hex digits."""

import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from typing import Any, Final

from scapy.error import Scapy_Exception
from scapy.layers import inet, inet6, l2  # noqa: F401 - l2 knows the link types; none of them reads RADIUS itself
from scapy.packet import Packet as Frame
from scapy.sessions import IPSession
from scapy.utils import PcapReader

from hotspot.errors import HotspotError

PORTS: Final = (1812, 1813, 3799, 1645, 1646)
"""Authentication, accounting, CoA; and the two before RFC 2865."""
_MAGIC: Final = ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a", "1f8b")
"""How captures begin: pcap in both byte orders, with micro- and nanoseconds, pcapng, gzip."""
_UDP_HEADER: Final = 8

Address = tuple[str, int]


@dataclass(frozen=True)
class Captured:
    """One datagram; hex digits have neither time nor addresses."""

    data: bytes
    at: float | None = None
    """UTC seconds."""
    source: Address | None = None
    target: Address | None = None


def read(stream: BufferedReader, ports: frozenset[int]) -> Generator[Captured, None, None]:
    """The datagrams from or to one of `ports`, as they come. HotspotError for what is neither a capture nor hex."""
    if stream.peek(4)[:4].hex().startswith(_MAGIC):
        yield from _datagrams(stream, ports)
    else:
        yield from _hex(stream)


def _datagrams(stream: Any, ports: frozenset[int]) -> Iterator[Captured]:
    defragmented = IPSession()
    try:
        with closing(PcapReader(stream)) as frames:
            for frame in frames:
                whole = defragmented.process(frame)
                found = None if whole is None else _datagram(whole)
                if found is not None and {found[1].sport, found[1].dport} & ports:
                    ip, udp = found
                    data = bytes(udp.payload)[: max(0, udp.len - _UDP_HEADER)]  # behind it: a short frame's padding
                    yield Captured(data, float(frame.time), (ip.src, udp.sport), (ip.dst, udp.dport))
    except (Scapy_Exception, EOFError, OSError, zlib.error) as error:
        raise HotspotError(f"the capture cannot be read (any further): {error or 'it ends too early'}") from error


def _datagram(frame: Frame) -> tuple[Frame, Frame] | None:
    """The IP and UDP layers of a frame that has both."""
    udp = frame.getlayer(inet.UDP)
    if udp is None:
        return None
    ip = udp.underlayer
    while ip is not None and not isinstance(ip, inet.IP | inet6.IPv6):
        ip = ip.underlayer  # IPv6's extension headers
    return None if ip is None else (ip, udp)


def _hex(stream: BufferedReader) -> Iterator[Captured]:
    """Packets as hex digits, with spaces, colons and line ends anywhere; an empty line stands between two packets."""
    try:
        text = stream.read().decode("ascii")
        for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
            digits = re.sub(r"[\s:]", "", block)
            if digits:
                yield Captured(bytes.fromhex(digits))
    except ValueError as error:
        raise HotspotError("neither a capture (pcap, pcapng) nor packets as hex digits") from error
