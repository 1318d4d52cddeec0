"""One error tree, split by whose fault it is, so that the caller knows what to do.

ConfigError   the admin's: sites.toml, an environment variable, an argument. Says the field and the remedy.
RequestError  the sender's: what a phone, a person or a gateway sent cannot be used. Says why; never ours to fix.
PeerError     a gateway, an access point or a database is away or does not keep its protocol. May be tried again.
StoreError    ours: the store is not what this version needs, or refuses what this version writes.

They are translated only at the edge: a page, a RADIUS silence or Reject, a line on the terminal with its exit code.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One mistake in a configuration text: where it stands, what is wrong and what would be right."""

    line: int
    """1-based line of the text, 0 where no line can be named."""
    path: str
    """Dotted path as `site[2].ap[0].mac`; empty for the text as a whole."""
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class HotspotError(Exception):
    """Anything Nirkabel reports to a person in words."""


class ConfigError(HotspotError):
    """The configuration cannot be used. `faults` holds every mistake found, in the order of the text."""

    def __init__(self, faults: str | Iterable[Fault]):
        self.faults = (Fault(0, "", faults),) if isinstance(faults, str) else tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RequestError(HotspotError):
    """What was sent cannot be used. `code` is the key of its text in the portal's catalogues; `wait` are the seconds
    after which it may be tried again, where only time is needed."""

    def __init__(self, code: str, detail: str = "", *, wait: int = 0):
        self.code = code
        self.detail = detail
        self.wait = wait
        super().__init__(f"{code}: {detail}" if detail else code)


class PeerError(HotspotError):
    """A gateway, an access point or a server is away or breaks its protocol."""


class StoreError(HotspotError):
    """The store cannot be used by this version, or refused what it wrote."""
