"""What was measured, as a table for people and as ratios for `build/bench/radius.json`."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from .measure import Measured, middle
from .peer import Workload

_RATIOS = {
    "redeem_pg_vs_freeradius_pg": (Workload.REDEEM, "ours-postgresql", "freeradius-postgresql", 3.0),
    "redeem_sqlite_vs_freeradius_files": (Workload.REDEEM, "ours-sqlite", "freeradius-files", 0.4),
    "lookup_sqlite_vs_freeradius_files": (Workload.LOOKUP, "ours-sqlite", "freeradius-files", 1.5),
    "acct_pg_vs_freeradius_pg": (Workload.ACCT, "ours-postgresql", "freeradius-postgresql", 4.0),
    "acct_sqlite_vs_freeradius_sqlite": (Workload.ACCT, "ours-sqlite", "freeradius-sqlite", 8.0),
    "auth_vs_pyrad": (Workload.LOOKUP, "ours-sqlite", "pyrad", 8.0),
}
"""By key: workload, whose rate, divided by whose, and what it should be at least."""
_HALF_LOAD_MS = 10.0

WORDS = {
    Workload.REDEEM: "redeem: PAP; ours redeems a ticket durably, once; FreeRADIUS knows the same people by name and"
    " password\n  (on files and SQLite it writes nothing, on PostgreSQL a durable radpostauth row)",
    Workload.LOOKUP: "lookup: MAC authentication answered from the store without a write; FreeRADIUS and pyrad know the"
    " same people by name",
    Workload.ACCT: "acct: Start, Interim-Update and Stop of distinct sessions in equal parts, durable before the"
    " answer; the same packets for all",
}
NOTES = """Every Response Authenticator and Message-Authenticator is checked and only right answers count. No request is
ever sent twice: one without an answer is lost. Access-Accepts carry the same limits and a Class, whoever sends them.
CPU: us for each answer, of the server and of its PostgreSQL.
Others: the part of the cores that neither server nor load used; where it is large, the figures mean little."""


def line(measured: Measured) -> str:
    """One measurement as it is made."""
    run = measured.run
    faults = [f"{name} {getattr(run, name)}" for name in ("lost", "refused", "wrong", "late") if getattr(run, name)] + (
        ["the tape ran out"] if run.exhausted else []
    )
    if not measured.whole:
        faults.append(f"the store does not add up: {measured.stored}")
    half = f", at half load p99 {measured.half_load.p99_ms:.2f} ms" if measured.half_load else ""
    return (
        f"round {measured.round + 1} {measured.workload:7} {measured.peer:22} {run.per_second:9,.0f}/s"
        f"  p50 {run.p50_ms:.2f} p99 {run.p99_ms:.2f} ms{half}; others took {measured.others_cpu:.0%} of the cores"
        f"{''.join('; ' + fault for fault in faults)}"
    )


class Summary:
    """The medians over the rounds."""

    def __init__(self, all_measured: Iterable[Measured]):
        self.of: dict[tuple[Workload, str], list[Measured]] = {}
        for measured in all_measured:
            self.of.setdefault((measured.workload, measured.peer), []).append(measured)

    def _middle(self, key: tuple[Workload, str], value: Callable[[Measured], float | None]) -> float | None:
        values = [found for measured in self.of.get(key, []) if (found := value(measured)) is not None]
        return middle(values) if values else None

    def row(self, key: tuple[Workload, str]) -> dict[str, Any]:
        """The medians of one workload on one server."""
        return {
            "per_second": self._middle(key, lambda m: m.run.per_second),
            "applied_per_second": self._middle(key, lambda m: m.applied_per_second),
            "cpu_us": self._middle(key, lambda m: m.cpu_us),
            "postgres_cpu_us": self._middle(key, lambda m: m.postgres_cpu_us),
            "p50_ms": self._middle(key, lambda m: m.run.p50_ms),
            "p99_ms": self._middle(key, lambda m: m.run.p99_ms),
            "p99_ms_half_load": self._middle(key, lambda m: m.half_load.p99_ms if m.half_load else None),
            "others_cpu": self._middle(key, lambda m: m.others_cpu),
            "lost": sum(m.run.lost for m in self.of[key]),
            "whole": all(m.whole for m in self.of[key]),
        }

    def ratios(self) -> dict[str, float | None]:
        """The ratios of medians, and the worst p99 of ours at half load, ms; None for what was not measured."""
        found: dict[str, float | None] = {}
        for name, (workload, ours, theirs, _) in _RATIOS.items():
            above, below = (self._middle((workload, peer), lambda m: m.run.per_second) for peer in (ours, theirs))
            found[name] = round(above / below, 3) if above and below else None
        half = [row["p99_ms_half_load"] for row in map(self.row, self.of) if row["p99_ms_half_load"] is not None]
        found["p99_ms_half_load"] = max(half, default=None)
        return found

    def by_cpu(self) -> dict[str, float | None]:
        """How much more CPU theirs takes for an answer than ours: what a busy machine disturbs least."""
        found: dict[str, float | None] = {}
        for name, (workload, ours, theirs, _) in _RATIOS.items():
            below, above = (
                self._middle((workload, peer), lambda m: m.cpu_us + (m.postgres_cpu_us or 0)) for peer in (ours, theirs)
            )
            found[name] = round(above / below, 3) if above and below else None
        return found

    def table(self) -> str:
        """Rows for people, by workload."""
        lines: list[str] = []
        for workload in Workload:
            keys = [key for key in self.of if key[0] is workload]
            if not keys:
                continue
            lines += ["", WORDS[workload], _HEAD]
            lines += [_shown(peer, self.row((workload, peer))) for _, peer in keys]
        lines += ["", f"  {'ratios of medians':36} {'measured':>8} {'of CPU':>8}   should be"]
        by_cpu = self.by_cpu()
        for name, value in self.ratios().items():
            aim = f"under {_HALF_LOAD_MS:g}" if name not in _RATIOS else f"at least {_RATIOS[name][3]:g}"
            lines.append(f"  {name:36} {_or_dash(value, '.2f'):>8} {_or_dash(by_cpu.get(name), '.2f'):>8}   {aim}")
        return "\n".join([*lines, "", NOTES])

    def as_json(self) -> dict[str, Any]:
        rows = [{"workload": workload, "server": peer, **self.row((workload, peer))} for workload, peer in self.of]
        runs = [asdict(measured) for all_measured in self.of.values() for measured in all_measured]
        return {**self.ratios(), "by_cpu": self.by_cpu(), "medians": rows, "runs": runs}


_HEAD = (
    f"  {'server':22} {'acked/s':>10} {'applied/s':>10} {'CPU us':>8} {'PG us':>8} {'p50 ms':>8} {'p99 ms':>8}"
    f" {'half p99':>9} {'lost':>6} {'others':>7}"
)


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _shown(peer: str, row: dict[str, Any]) -> str:
    def number(name: str, form: str) -> str:
        return _or_dash(row[name], form)

    text = (
        f"  {peer:22} {number('per_second', ',.0f'):>10} {number('applied_per_second', ',.0f'):>10}"
        f" {number('cpu_us', '.1f'):>8} {number('postgres_cpu_us', '.1f'):>8} {number('p50_ms', '.2f'):>8}"
        f" {number('p99_ms', '.2f'):>8} {number('p99_ms_half_load', '.2f'):>9} {row['lost']:>6}"
        f" {number('others_cpu', '.0%'):>7}"
    )
    return text if row["whole"] else f"{text}  THE STORE DOES NOT ADD UP"
