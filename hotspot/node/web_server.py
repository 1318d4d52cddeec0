"""What granian grants to whoever connects to a web service of ours: little, and for a short time.

- The head of a request must be whole in five seconds, and a connection that asks nothing more is closed after as many.
  That holds for HTTP/1.1 alone: where granian first listens for which HTTP it is, a connection that says nothing stays
  for ever. Our pages take one request, so HTTP/2 would win nothing, and 200 stalled bodies fit into one connection.
- Connections that say nothing count among those that may be served at a time, hence so many of these.
"""

from typing import Any, Final

from granian.constants import HTTPModes
from granian.http import HTTP1Settings

from .service import allow_files

_HEAD_WITHIN: Final = 5_000
"""Milliseconds."""
_LARGEST_HEAD: Final = 64 * 1024
_AT_ONCE: Final = 16_384
_WAITING: Final = 4096
_FILES: Final = 65_536


def patience() -> dict[str, Any]:
    """Arguments for granian's Server; this process, and so its workers, may have as many connections."""
    allow_files(_FILES)
    return {
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=_HEAD_WITHIN, max_buffer_size=_LARGEST_HEAD),
        "websockets": False,
        "backlog": _WAITING,
        "backpressure": _AT_ONCE,
    }
