"""The agent on an openNDS router: its signed posts, our signed answers, and the sessions they tell of. Pure.

Agent post (text/plain, to `<portal.url>/agent/<gateway id>`):
    1 SEQUENCE HEX                      HEX = HMAC-SHA256(agent key, "post|SEQUENCE|" + everything after this line)
    boot BOOT_ID
    uptime SECONDS
    done ORDER RESULT                   one for each order of the last answer; RESULT is ok or failed
    event METHOD MAC IN OUT START END TOKEN CUSTOM      one for each call of the BinAuth script since the last good post
    json
    <ndsctl json as printed>
SEQUENCE is a decimal number that grows with every post: the larger of the clock and the last one plus one.

Answer:
    1 SEQUENCE HEX                      HEX = HMAC-SHA256(agent key, "answer|SEQUENCE|" + everything after this line)
    ok                                  or: again N, when SEQUENCE was not larger than the last one, N
    deauth ORDER CLIENTMAC GRANT        put this client out if its custom still carries this grant ("-": any). An ORDER
                                        of "-" wants no `done`: the next listing tells.
SEQUENCE is the post's own, so an old answer cannot be played back.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from hotspot.admission.session import LARGEST, Record, RecordKind
from hotspot.errors import RequestError
from hotspot.people.identity import parse_mac

from .opennds import pass_grant


@dataclass(frozen=True)
class Client:
    """One client in `ndsctl json`. Counters are in bytes (openNDS prints KiB), down and up from the client's view."""

    mac: str
    token: str
    authenticated: bool
    started_at: int
    down: int
    up: int
    custom: str


@dataclass(frozen=True)
class Event:
    """One call of the BinAuth script: an admission or its end, with exact counters in bytes."""

    method: str
    mac: str
    down: int
    up: int
    started_at: int
    ended_at: int
    token: str
    custom: str


@dataclass(frozen=True)
class Post:
    """One post of an agent."""

    sequence: int
    boot_id: str
    uptime: int
    done: tuple[tuple[str, bool], ...]
    events: tuple[Event, ...]
    clients: tuple[Client, ...] | None
    """None where openNDS did not answer the agent, or its answer cannot be read."""
    unread: int = 0
    """Lines and listings that could not be read: they are left out, so that they hold up nothing else."""


_CAUSES: Final = {
    "client_deauth": "User-Request",
    "idle_deauth": "Idle-Timeout",
    "timeout_deauth": "Session-Timeout",
    "downquota_deauth": "Session-Timeout",
    "upquota_deauth": "Session-Timeout",
    "download_quota_deauth": "Session-Timeout",
    "upload_quota_deauth": "Session-Timeout",
    "ndsctl_deauth": "Admin-Reset",
    "shutdown_deauth": "NAS-Request",
}


def _signature(key: bytes, kind: str, sequence: int, body: str) -> str:
    return hmac.new(key, f"{kind}|{sequence}|{body}".encode(), hashlib.sha256).hexdigest()


def key_id(key: bytes) -> str:
    """What a derived agent key is called, 16 hex digits: another key has another, and nobody learns the key from it."""
    return hmac.new(key, b"id", hashlib.sha256).hexdigest()[:16]


LONGEST_KEPT: Final = 7 * 86400
"""Seconds for which a router may have kept an event; one that is older, or still to come, is of a wrong clock."""
_HEAD: Final = re.compile(r"1 (\d{1,18}) ([0-9a-f]{64})")


def is_head(beginning: bytes) -> bool:
    """Whether a text begins as a post does: 90 bytes are enough to see it. The signature is not looked at."""
    return _HEAD.fullmatch(beginning.partition(b"\n")[0].decode("latin-1").strip()) is not None


def parse_post(key: bytes, text: str) -> Post:
    """An agent's post whose signature holds. `key` is the derived agent key.

    RequestError("bad-signature") for any other. What cannot be read in it is counted and left out: the agent would
    send it again for ever.
    """
    head, _, body = text.partition("\n")
    match = _HEAD.fullmatch(head.strip())
    if match is None or not hmac.compare_digest(match[2], _signature(key, "post", int(match[1]), body)):
        raise RequestError("bad-signature", "agent")
    lines, _, listing = body.partition("\njson\n")
    boot_id, uptime = "", 0
    done: list[tuple[str, bool]] = []
    events: list[Event] = []
    unread = 0
    for line in lines.split("\n"):
        word, *rest = line.split(" ")
        try:
            if word == "boot":
                boot_id = rest[0][:64]
            elif word == "uptime":
                uptime = _whole(rest[0])
            elif word == "done":
                done.append((rest[0], rest[1] == "ok"))
            elif word == "event":
                events.append(_event(rest))
        except (IndexError, ValueError, RequestError):
            unread += 1
    clients = None
    if listing.strip():
        try:
            clients = _clients(listing)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError, RequestError):
            unread += 1
    return Post(int(match[1]), boot_id, uptime, tuple(done), tuple(events), clients, unread)


def _event(words: list[str]) -> Event:
    method, mac, down, up, start, end, token, custom = words[:8]
    return Event(
        method=method,
        mac=parse_mac(mac),
        down=_whole(down),
        up=_whole(up),
        started_at=_whole(start),
        ended_at=_whole(end),
        token=_token(token),
        custom=unquote(custom),
    )


def _token(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{1,64}", text) is None:
        raise ValueError("no token")
    return text


def _whole(text: str) -> int:
    """A decimal number that a database can hold."""
    if re.fullmatch(r"[0-9]{1,30}", text) is None:
        raise ValueError("no number")
    return min(int(text), LARGEST // 1024)


def _count(value: object) -> int:
    """A number of the listing; openNDS prints "null" for what is not set."""
    return _whole(value) if isinstance(value, str) and value != "null" else 0


def _clients(listing: str) -> tuple[Client, ...]:
    return tuple(
        Client(
            mac=parse_mac(entry["mac"]),
            token=_token(entry["token"]),
            authenticated=entry["state"] == "Authenticated",
            started_at=_count(entry["session_start"]),
            down=_count(entry["download_this_session"]) * 1024,
            up=_count(entry["upload_this_session"]) * 1024,
            custom=str(entry["custom"]),
        )
        for entry in json.loads(listing).get("clients", {}).values()
    )


def answer(key: bytes, sequence: int, lines: list[str]) -> str:
    """The signed answer to a post: `ok` and orders, or `again N`."""
    body = "".join(f"{line}\n" for line in lines)
    return f"1 {sequence} {_signature(key, 'answer', sequence, body)}\n{body}"


def session_records(post: Post, gateway: str, site: str, devices: Mapping[str, str], now: int) -> list[Record]:
    """What a post says about sessions. `devices` maps the MAC addresses in it to device ids.

    A session is one openNDS client token from one start; its ticket is the grant in its pass. A client of whom openNDS
    knows no pass of ours is recorded without one: it is in all the same, and that should be seen. The router's
    clock may be wrong, and may step: a post's sequence tells what it is, so durations are its own, never longer than it
    has run, and moments are ours.
    """
    offset = now - post.sequence
    records: list[Record] = []
    for client in post.clients or ():
        if client.authenticated:
            records.append(
                Record(
                    kind=RecordKind.INTERIM,
                    gateway=gateway,
                    acct_session_id=f"{client.token}-{client.started_at}",
                    device=devices[client.mac],
                    ticket=pass_grant(client.custom),
                    site=site,
                    at=now,
                    seconds=max(0, min(post.sequence - client.started_at, post.uptime)),
                    down=client.down,
                    up=client.up,
                )
            )
    for event in post.events:
        if event.method in _CAUSES:
            records.append(
                Record(
                    kind=RecordKind.STOP,
                    gateway=gateway,
                    acct_session_id=f"{event.token}-{event.started_at}",
                    device=devices[event.mac],
                    ticket=pass_grant(event.custom),
                    site=site,
                    at=max(now - LONGEST_KEPT, min(event.ended_at + offset, now)),
                    seconds=max(0, min(event.ended_at - event.started_at, post.uptime)),
                    down=event.down,
                    up=event.up,
                    cause=_CAUSES[event.method],
                )
            )
    return records
