"""The plans of every statement that a database runs, told by the database itself, for tests of what may grow.

On SQLite the driver's trace callback tells each statement as it ran, and EXPLAIN QUERY PLAN its plan. On PostgreSQL
auto_explain (a module of its own) tells the plan of each as it is executed, as a notice. Both see hot statements that
run on the driver's cursor, and no list is kept by hand.

A test's store is small, and a planner reads a small table whole although it has an index. So PostgreSQL is told that
reading a table whole is dear (`enable_seqscan = off`): where it still does, there is no index that serves. SQLite
chooses by what ANALYZE counted, and takes an index wherever one serves.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import event, text

from hotspot.store.engine import Database

GROWING: Final = frozenset(
    {"person", "identity", "device", "consent", "access_grant", "ticket", "session", "session_order", "voucher",
     "audit", "sample", "state_interval"}
)  # fmt: skip
"""Tables that hold a city's history. What a job clears away after days (messages, addresses, counts by the hour) is not
among them, and neither are complaints, of which a city gets hundreds a year."""
SMALL: Final = frozenset(
    {"ix_session_running", "ix_session_classless", "ix_access_grant_due_at", "ix_voucher_first",
     "uq_session_order_pending"}
)  # fmt: skip
"""Indexes of what is so now (who is online, what is due, one entry a batch): read whole they follow no history."""
_LITERAL: Final = re.compile(r"[xX]?'(?:[^']|'')*'|\b\d+\b")
_SCAN: Final = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")


@dataclass
class Plans:
    """Which statements read a growing table whole: what they are, and how."""

    whole: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def judge(self, statement: str, found: list[tuple[str, str | None, bool]]) -> None:
        """`found`: each table that is read without a condition, by which index, and whether it ends at a limit."""
        for table, index, limited in found:
            if table in GROWING and index not in SMALL and not (index and limited):
                self.whole[shape(statement)] = (
                    f"{table} whole{f' by {index}' if index else ''}: {' '.join(statement.split())[:1500]}"
                )


def shape(statement: str) -> str:
    """A statement without its values."""
    return " ".join(re.sub(r"(\?(, )?)+", "?", _LITERAL.sub("?", statement)).split())


@contextmanager
def recorded(database: Database) -> Iterator[Plans]:
    """The plans of what a database runs until the end of the block. No connection of it may be open before."""
    plans = Plans()
    database.engine.dispose()
    with (_on_sqlite if database.engine.dialect.name == "sqlite" else _on_postgresql)(database, plans):
        yield plans


@contextmanager
def _on_sqlite(database: Database, plans: Plans) -> Iterator[None]:
    told: dict[str, str] = {}

    def note(statement: str) -> None:
        told.setdefault(shape(statement), statement)

    def connected(connection: Any, _record: Any) -> None:
        connection.set_trace_callback(note)

    event.listen(database.engine, "connect", connected)
    yield
    event.remove(database.engine, "connect", connected)
    plans.seen |= told.keys()
    with database.read() as connection:
        for statement in list(told.values()):
            if not re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement, re.I) or "sqlite_" in statement:
                continue
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            aliases = {alias: table for table, alias in re.findall(r"(\w+) (?:AS )?(\w+)", statement)}
            scans = [match for row in rows if (match := _SCAN.match(row[3])) is not None]
            limited = " LIMIT " in statement.upper()
            found = [(one[1] if one[1] in GROWING else aliases.get(one[1], ""), one[2], limited) for one in scans]
            plans.judge(statement, found)


@contextmanager
def _on_postgresql(database: Database, plans: Plans) -> Iterator[None]:
    with database.read() as connection:
        rows = connection.execute(text("SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public'"))
        tables = {row.indexname: row.tablename for row in rows}
    database.engine.dispose()

    def note(diagnostic: Any) -> None:
        _, _, plan = diagnostic.message_primary.partition("plan:\n")
        if plan:
            value = json.loads(plan)
            statement = value["Query Text"]
            plans.seen.add(shape(statement))
            plans.judge(statement, list(_reads(value["Plan"], tables, limited=False)))

    def connected(connection: Any, _record: Any) -> None:
        for setting in (
            "LOAD 'auto_explain'", "SET auto_explain.log_min_duration = 0", "SET auto_explain.log_format = json",
            "SET auto_explain.log_level = notice", "SET enable_seqscan = off",
        ):  # fmt: skip
            connection.execute(setting)
        connection.commit()
        connection.add_notice_handler(note)

    event.listen(database.engine, "connect", connected)
    yield
    event.remove(database.engine, "connect", connected)


def _reads(node: Any, tables: dict[str, str], *, limited: bool) -> Iterator[tuple[str, str | None, bool]]:
    """What a plan reads without a condition."""
    kind = node["Node Type"]
    if kind == "Seq Scan":
        yield node["Relation Name"], None, False
    elif kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan") and "Index Cond" not in node:
        index = node["Index Name"]
        yield node.get("Relation Name") or tables.get(index, ""), index, limited
    limited = limited or kind == "Limit"
    if kind in ("Sort", "Aggregate", "Hash", "BitmapOr"):
        limited = False
    for child in node.get("Plans", ()):
        yield from _reads(child, tables, limited=limited)
