"""What every datagram passes through: in C where that was compiled (`radius/wire/_wire.c`), else in Python. Both do the
same."""

try:
    from ._wire import Slots, authenticator, is_signed, mac, seal, walk
except ImportError:
    from .mmsg import Slots
    from .plain import authenticator, is_signed, mac, seal, walk

__all__ = ["Slots", "authenticator", "is_signed", "mac", "seal", "walk"]
