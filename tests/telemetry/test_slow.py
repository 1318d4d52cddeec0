"""Whoever sends slowly, or not at all, keeps nobody from the dashboard."""

from pathlib import Path

from tests.slow import Slow, post, quickest

from .test_service import get, service, state

__all__ = ["state"]

HONEST = 1.0
_CLOSED = 7.0


def test_slow_senders_hold_up_nobody(state: Path) -> None:
    """Bodies that nobody waits for, and heads that do not end; more of them than were once served at a time."""
    with service(state) as (url, _):
        port = int(url.rpartition(":")[2])
        assert get(f"{url}/healthz")[0] == 200
        with Slow(port) as slow:
            slow.begin(post("/", "198.18.0.1", 500, b"") for _ in range(200))
            slow.begin(post("/metrics", "198.18.0.1", 500, b"").replace(b"POST", b"GET") for _ in range(200))
            assert quickest(lambda: get(f"{url}/healthz"), HONEST) < HONEST
            assert quickest(lambda: get(f"{url}/metrics"), HONEST) < HONEST
        with Slow(port) as slow:
            slow.begin((b"", b"G", b"GET / HTTP/1.1\r\nHost:")[n % 3] for n in range(600))
            assert quickest(lambda: get(f"{url}/healthz"), HONEST) < HONEST
            assert quickest(lambda: get(f"{url}/metrics"), HONEST) < HONEST
            assert all(end.seconds < _CLOSED for end in slow.all_ended(within=15))
