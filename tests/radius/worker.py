"""One node's RADIUS service without its sockets, for what two nodes do at chosen moments."""

import time

from hotspot.store.keyed import open_keyed
from radius.service import Service
from tests.node import Node


class Worker:
    """One node's service without its sockets. pyrad makes the datagrams."""

    def __init__(self, node: Node):
        self.store, keys = open_keyed(node.settings)
        self.service = Service(node.settings, self.store, keys)

    def hears(self, data: bytes, now: int, source: tuple[str, int]) -> list[bytes]:
        return [reply for reply, _, _ in self.service.handle([(data, source, 0)], now)]

    def finishes(self, now: int) -> list[bytes]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if answers := self.service.finish(now):
                return [reply for reply, _, _ in answers]
        return []

    def answers(self, data: bytes, now: int, source: tuple[str, int]) -> bytes:
        return (self.hears(data, now, source) or self.finishes(now))[0]

    def close(self) -> None:
        self.service.close()
        self.store.close()
