"""The audit trail is anchored outside the database each day: in the log, and in a file elsewhere where one is named."""

import json
import os
from pathlib import Path
from typing import Final

import structlog

from hotspot.errors import PeerError
from hotspot.settings import Settings
from hotspot.store import Store, audit

from .job import Job

log = structlog.get_logger()

ANCHORS: Final = "HOTSPOT_AUDIT_ANCHORS"
"""The setting that names a file, best one where this machine can only append: a mounted share, a WORM disk."""


def drop_anchor(store: Store, settings: Settings, now: int) -> None:
    """Makes the next anchor and writes it out. PeerError where the file takes it not; the log has it then."""
    with store.core.write() as connection:
        anchor = audit.drop_anchor(connection, now)
    if anchor is None:
        return
    log.info("audit anchor", number=anchor.number, digest=anchor.digest, entries=anchor.entries, at=anchor.at)
    name = settings.environment.get(ANCHORS)
    if not name:
        return
    try:
        descriptor = os.open(Path(name), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write((json.dumps(vars(anchor)) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise PeerError(f"{ANCHORS}: {name} does not take the audit anchor: {error.strerror}") from error


ANCHOR: Final = Job("audit-anchor", 86_400, drop_anchor)
