"""The tables of the telemetry database: what was observed, and what is counted. Times are UTC seconds."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

from .columns import CONVENTION, Id, Name, Time

telemetry = MetaData(naming_convention=CONVENTION)

sample = Table(
    "sample",
    telemetry,
    Column("at", Time, primary_key=True),
    Column("ap", Name, primary_key=True),
    Column("good", Boolean, nullable=False),
    Column("monitor", Boolean, nullable=False),
    Column("rtt_us", Integer),
    sqlite_with_rowid=False,
)

interval = Table(
    "state_interval",
    telemetry,
    Column("ap", Name, primary_key=True),
    Column("from_at", Time, primary_key=True),
    Column("to_at", Time, nullable=False),
    Column("state", String(8), nullable=False),
    Column("cause", Name, nullable=False),
    Index("ix_state_interval_to_at", "to_at"),
    sqlite_with_rowid=False,
)

tracker = Table(
    "tracker",
    telemetry,
    Column("ap", Name, primary_key=True),
    Column("state", Text, nullable=False),
)

maintenance = Table(
    "maintenance",
    telemetry,
    Column("id", Id, primary_key=True),
    Column("site", Name, nullable=False),
    Column("from_at", Time, nullable=False),
    Column("to_at", Time, nullable=False),
    Column("ticket", String(100), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("recorded_by", Name, nullable=False),
    Column("recorded_at", Time, nullable=False),
    Column("withdrawn_at", Time),
)


def _counts(name: str) -> Table:
    return Table(
        name,
        telemetry,
        Column("node", Name, primary_key=True),
        Column("gateway", Name, primary_key=True),
        Column("outcome", Name, primary_key=True),
        Column("value", BigInteger, nullable=False),
        Column("at", Time, nullable=False),
    )


radius_count = _counts("radius_count")
portal_count = _counts("portal_count")

gateway_clock = Table(
    "gateway_clock",
    telemetry,
    Column("gateway", Name, primary_key=True),
    Column("ahead", BigInteger, nullable=False),
    Column("at", Time, nullable=False),
)

# What gateways tell of their own software (`hotspot.nas.software`): since when it is this, and when it was last told.
gateway_software = Table(
    "gateway_software",
    telemetry,
    Column("gateway", Name, primary_key=True),
    Column("version", Name, nullable=False),
    Column("since", Time, nullable=False),
    Column("at", Time, nullable=False),
)

# Login pages and admissions of a site in an hour, and since when too few get in there (`hotspot.admission.conversion`).
portal_hour = Table(
    "portal_hour",
    telemetry,
    Column("site", Name, primary_key=True),
    Column("at", Time, primary_key=True),
    Column("shown", BigInteger, nullable=False),
    Column("admitted", BigInteger, nullable=False),
    Column("handed", BigInteger, nullable=False, server_default="0"),
)

portal_alarm = Table(
    "portal_alarm", telemetry, Column("site", Name, primary_key=True), Column("since", Time, nullable=False)
)

gateway_alarm = Table(
    "gateway_alarm",
    telemetry,
    Column("gateway", Name, primary_key=True),
    Column("since", Time, nullable=False),
    Column("signs", Boolean, nullable=False),
)

export = Table(
    "export",
    telemetry,
    Column("target", Name, primary_key=True),
    Column("watermark", Time, nullable=False),
)

# When each job was begun last (`hotspot.node.job`), by the store's clock.
job_run = Table("job_run", telemetry, Column("name", Name, primary_key=True), Column("began_at", Time, nullable=False))

lease = Table(
    "lease",
    telemetry,
    Column("name", Name, primary_key=True),
    Column("holder", Name, nullable=False),
    Column("until", Time, nullable=False),
)
