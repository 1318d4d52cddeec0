"""What accounting reports, entered in the store: devices, sessions, restarts, and the orders that follow from them."""

from collections.abc import Sequence

from sqlalchemy import Connection

from hotspot.admission.session import Record
from hotspot.city.sites import Inventory
from hotspot.people.identity import Keys
from hotspot.rules.enforcement import enforce
from hotspot.store.persons import people
from hotspot.store.stays import ledger, sessions
from hotspot.store.stays.ledger import Origin, Origins

from .accounting import Heard, Restart


def enter(
    connection: Connection,
    keys: Keys,
    inventory: Inventory,
    origins: Origins,
    heard: Sequence[Heard],
    restarts: Sequence[Restart],
    now: int,
) -> None:
    """Enters one batch; durable when the transaction ends. The same batch again, or later than others, changes nothing
    that it should not: sessions take up maxima, a restart ends only what was last heard of before it."""
    known = origins.of(connection, {report.ticket for report in heard if report.ticket}, now)
    devices: dict[str, str] = {}  # those that no ticket names, each asked for once
    records = [report.record(_device(connection, keys, report, known, devices, now)) for report in heard]
    touched = ledger.apply(connection, records, known)
    for restart in restarts:
        sessions.restarted(connection, restart.gateway, restart.at, restart.cause)
    if records:
        # Sorted so that the oldest of each gateway comes last and stays.
        sessions.presume_late(connection, {r.gateway: r.at for r in sorted(records, key=_newest_first)})
    enforce(connection, inventory, touched.values(), now)


def _newest_first(record: Record) -> int:
    return -record.at


def _device(
    connection: Connection, keys: Keys, report: Heard, known: dict[str, Origin], devices: dict[str, str], now: int
) -> str:
    """The id of a record's device; that of its grant where the gateway sees the same address."""
    origin = known.get(report.ticket or "")
    if origin is not None and origin.lookup == keys.device_index(report.mac):
        return origin.device
    if report.mac not in devices:
        devices[report.mac] = people.see_device(connection, keys, report.mac, now)
    return devices[report.mac]
