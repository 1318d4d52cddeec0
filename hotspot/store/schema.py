"""The tables of the core database. Times are UTC seconds, ids random 32-digit hex, personal values only in
`identity`, `device` and (for two days) `code_challenge`, as `hotspot.people.identity.Keys` sealed them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from .columns import CONVENTION, Id, Name, Serial, Time

core = MetaData(naming_convention=CONVENTION)

_WATCHED = text("due_at IS NOT NULL")
PENDING = text("state = 'pending'")
_RUNNING = text("ended_at IS NULL")
_CLASSLESS = text("ticket_id = ''")
_FIRST = text("serial = 1")

# -- the city ------------------------------------------------------------------------------------------------------

KEYED = "master key check"
"""The row of `meta` that tells which master key the store was made with (`hotspot.store.keyed`)."""
meta = Table("meta", core, Column("name", Name, primary_key=True), Column("value", LargeBinary, nullable=False))

revision = Table(
    "revision",
    core,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("text", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("activated_at", Time, nullable=False),
    Column("activated_by", Name, nullable=False),
)

audit = Table(
    "audit",
    core,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", Time, nullable=False),
    Column("who", Name, nullable=False),
    Column("action", Name, nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("subject", "number"),
)
"""Chains of entries (`hotspot.store.audit`). Triggers refuse every change of a row, and rows in place of others."""

audit_anchor = Table(
    "audit_anchor",
    core,
    Column("number", Serial, primary_key=True, autoincrement=False),
    Column("at", Time, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""Digests of the whole trail (`hotspot.store.audit.Anchor`), append-only like it."""

# -- people and devices --------------------------------------------------------------------------------------------

person = Table(
    "person",
    core,
    Column("id", Id, primary_key=True),
    Column("kind", Name, nullable=False),
    Column("created_at", Time, nullable=False),
)

identity = Table(
    "identity",
    core,
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Name, nullable=False),
    Column("lookup", LargeBinary(32), nullable=False, unique=True),
    Column("sealed", LargeBinary, nullable=False),
    # Until when they were needed, as far as `rules.retention` knows; 0 where it has not looked yet.
    Column("needed_at", Time, nullable=False, server_default="0"),
    Index("ix_identity_needed_at", "needed_at", "person_id"),
)

member = Table(
    "member",
    core,
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("disabled_at", Time),
)

device = Table(
    "device",
    core,
    Column("id", Id, primary_key=True),
    Column("lookup", LargeBinary(32), nullable=False, unique=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("randomised", Boolean, nullable=False),
    Column("first_seen", Time, nullable=False),
    Column("needed_at", Time, nullable=False, server_default="0"),
    Index("ix_device_needed_at", "needed_at", "id"),
)

consent = Table(
    "consent",
    core,
    Column("id", Id, primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("purpose", Name, nullable=False),
    Column("text_version", Name, nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("site", Name, nullable=False),
    Column("given_at", Time, nullable=False),
    Column("withdrawn_at", Time),
)

# Who has proven who they are on which device, and wants it remembered (`store.persons.remembered`).
remembered = Table(
    "remembered_device",
    core,
    Column("id", Id, primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("device_id", ForeignKey("device.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
)

# A person whose data must be kept although its term is over or they want it erased.
hold = Table(
    "legal_hold",
    core,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, nullable=False, index=True),
    Column("until", Time, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("created_by", Name, nullable=False),
    Column("lifted_at", Time),
    Column("lifted_by", Name),
)

erasure = Table(
    "erasure",
    core,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, nullable=False, index=True),
    Column("asked_at", Time, nullable=False),
    Column("asked_by", Name, nullable=False),
    Column("done_at", Time),
)
"""Whose data is to be erased, and was. It is done when their sessions have ended."""

voucher = Table(
    "voucher",
    core,
    Column("id", Id, primary_key=True),
    Column("lookup", LargeBinary(32), nullable=False, unique=True),
    Column("batch", Id, nullable=False, index=True),
    # Its place in the batch, as it is printed: names a voucher whose code nobody knows.
    Column("serial", Integer, nullable=False),
    Column("site", Name, nullable=False),
    Column("plan", Name, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("valid", BigInteger, nullable=False),
    Column("used_at", Time),
    Column("person_id", ForeignKey("person.id"), index=True),
    Column("revoked_at", Time),
    # A batch by its first voucher.
    Index("ix_voucher_first", "created_at", "batch", sqlite_where=_FIRST, postgresql_where=_FIRST),
)

# A fault that somebody reported. What they wrote may name people: it is sealed, and erased after the term.
complaint = Table(
    "complaint",
    core,
    Column("id", Id, primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    Column("site", Name, nullable=False, index=True),
    Column("category", Name, nullable=False),
    Column("text", LargeBinary),
    Column("contact", LargeBinary),
    Column("language", String(8), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("assigned_to", Name),
    Column("assigned_at", Time),
    Column("resolved_at", Time),
    Column("answer", Text),
)

# What the city's complaint system is told, and by which keys it has told us.
delivery = Table(
    "complaint_delivery",
    core,
    Column("id", Id, primary_key=True),
    Column("number", String(16), nullable=False),
    Column("event", Name, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("due_at", Time, index=True),
    Column("attempts", Integer, nullable=False),
    Column("outcome", String(200), nullable=False),
    Column("finished_at", Time),
)

block = Table(
    "block",
    core,
    Column("id", Id, primary_key=True),
    Column("kind", Name, nullable=False),
    # A person's or a device's id.
    Column("subject", Id, nullable=False, index=True),
    Column("until", Time, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("created_by", Name, nullable=False),
    Column("lifted_at", Time),
    Column("lifted_by", Name),
)

attempt = Table(
    "attempt",
    core,
    Column("subject", LargeBinary(32), primary_key=True),
    Column("until", Time, nullable=False),
    Column("failures", Integer, nullable=False),
)

# From which addresses a gateway's own phones reach the portal (`store.limits.exits`).
learned_exit = Table(
    "learned_exit",
    core,
    Column("exit", LargeBinary(32), primary_key=True),
    Column("until", Time, nullable=False),
)

# When a gateway's signed redirect was first seen, and from where (`store.limits.arrivals`).
arrival_seen = Table(
    "arrival_seen",
    core,
    Column("mark", LargeBinary(32), primary_key=True),
    Column("at", Time, nullable=False, index=True),
    Column("sender", LargeBinary(32), nullable=False),
)

# A phone number that a device at a gateway wants to prove, and every message that was paid for; kept for two days.
challenge = Table(
    "code_challenge",
    core,
    Column("door", LargeBinary(32), primary_key=True),
    Column("id", Id, nullable=False),
    Column("number", LargeBinary(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("tries", Integer, nullable=False),
)

message = Table(
    "code_message",
    core,
    Column("id", Id, primary_key=True),
    Column("challenge_id", Id, nullable=False, index=True),
    Column("number", LargeBinary(32), nullable=False),
    Column("device", LargeBinary(32), nullable=False),
    Column("gateway", Name, nullable=False),
    Column("at", Time, nullable=False, index=True),
    Column("price", BigInteger, nullable=False),
    Column("state", Name, nullable=False),
    Column("proven", Boolean, nullable=False),
    # Who asked: the keyed hash of their address, whether their gateway has let people in from there, and whether it
    # signs who arrives. Null where nobody stood at a gateway.
    Column("sender", LargeBinary(32)),
    Column("learned", Boolean),
    Column("signed", Boolean),
)

# How many codes were entered at a gateway in an hour: what it usually needs.
code_hour = Table(
    "code_hour",
    core,
    Column("gateway", Name, primary_key=True),
    Column("at", Time, primary_key=True),
    Column("entered", Integer, nullable=False),
)

# Who was sent to log in at an OpenID provider, and must come back once; kept for an hour.
oidc_login = Table(
    "oidc_login",
    core,
    Column("id", Id, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("begun_at", Time, nullable=False),
    Column("back_at", Time),
    # Of a login that began with a short grant: that grant, and until it is over who was proven to stand at the door.
    Column("grant_id", Id, index=True),
    Column("door", LargeBinary(32), index=True),
    Column("proof", LargeBinary),
    Column("proven_at", Time),
)

# -- admission and sessions ----------------------------------------------------------------------------------------

grant = Table(
    "access_grant",
    core,
    Column("id", Id, primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("device_id", ForeignKey("device.id"), nullable=False, index=True),
    Column("site", Name, nullable=False),
    Column("gateway", Name, nullable=False),
    Column("plan", Name, nullable=False),
    Column("method", Name, nullable=False),
    Column("language", String(8), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("starts_at", Time, nullable=False),
    Column("ends_at", Time, nullable=False),
    Column("idle", BigInteger, nullable=False),
    Column("down", BigInteger),
    Column("up", BigInteger),
    Column("total", BigInteger),
    Column("interim", BigInteger, nullable=False),
    # What the gateway's dialect needs later, and when a gateway without RADIUS showed that the grant is in force.
    Column("handback", Text),
    Column("confirmed_at", Time),
    # Where the phone came from when it logged in (`store.limits.exits`).
    Column("exit", LargeBinary(32)),
    # When `rules.watch` looks whether its sessions may go on; never again where it is null.
    Column("due_at", Time),
    Index("ix_access_grant_gateway_ends_at", "gateway", "ends_at"),
    Index("ix_access_grant_ends_at", "ends_at", "id"),
    Index("ix_access_grant_site_ends_at", "site", "ends_at"),
    Index("ix_access_grant_due_at", "due_at", sqlite_where=_WATCHED, postgresql_where=_WATCHED),
)

ticket = Table(
    "ticket",
    core,
    Column("id", Id, primary_key=True),
    Column("grant_id", ForeignKey("access_grant.id"), nullable=False, index=True),
    Column("gateway", Name, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("redeemed_at", Time),
    Column("request_authenticator", LargeBinary(16)),
    postgresql_with={"fillfactor": 70},
)

session = Table(
    "session",
    core,
    # Made of what the session is known by (`store.stays.ledger`), so that a record finds its row without asking.
    Column("id", Id, primary_key=True),
    Column("gateway", Name, nullable=False),
    Column("acct_session_id", String(253), nullable=False),
    # No foreign keys: checking them would cost more than the row, and the ledger outlives what it refers to.
    Column("device_id", Id, nullable=False),
    Column("ticket_id", Id, nullable=False),
    Column("grant_id", Id),
    Column("person_id", Id),
    Column("site", Name, nullable=False),
    Column("started_at", Time, nullable=False),
    Column("last_at", Time, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    Column("down", BigInteger, nullable=False),
    Column("up", BigInteger, nullable=False),
    Column("stopped_at", Time),
    Column("stopped_cause", Name),
    Column("presumed_at", Time),
    Column("presumed_cause", Name),
    Column("ended_at", Time),
    # What admission.gaps tells by (admission.session.Session): or, max, of the newest record, bitwise or.
    Column("start_seen", Boolean, nullable=False),
    Column("latest_start", Time, nullable=False),
    Column("last_bytes", BigInteger, nullable=False),
    Column("heard", BigInteger, nullable=False),
    # What earlier stays and turns of the gateway's counters add to its own figures.
    Column("base_seconds", BigInteger, nullable=False, server_default=text("0")),
    Column("base_down", BigInteger, nullable=False, server_default=text("0")),
    Column("base_up", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_session_person_id", "person_id"),
    Index("ix_session_device_id", "device_id"),
    Index("ix_session_ended_at", "ended_at"),
    Index("ix_session_site_started_at", "site", "started_at"),
    Index("ix_session_started_at", "started_at"),
    # An Interim-Update changes no indexed column, so that PostgreSQL can keep the row where it is (fillfactor).
    Index("ix_session_running", "gateway", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    Index("ix_session_classless", "device_id", "started_at", sqlite_where=_CLASSLESS, postgresql_where=_CLASSLESS),
    postgresql_with={"fillfactor": 80},
)

order = Table(
    "session_order",
    core,
    Column("id", Id, primary_key=True),
    Column("kind", Name, nullable=False),
    Column("session_id", ForeignKey("session.id"), index=True),
    # Of an order for a device that has no session yet: what its gateway calls its stay.
    Column("device_id", Id),
    Column("stay", String(64)),
    Column("gateway", Name, nullable=False),
    Column("channel", Name, nullable=False),
    Column("reason", Name, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_by", Name),
    Column("claimed_until", Time),
    Column("state", Name, nullable=False),
    Column("outcome", String(200)),
    Column("finished_at", Time),
    Index("ix_session_order_state_channel_due_at", "state", "channel", "due_at"),
    # A session is told one thing at a time.
    Index("uq_session_order_pending", "session_id", unique=True, sqlite_where=PENDING, postgresql_where=PENDING),
)

agent = Table(
    "agent",
    core,
    Column("gateway", Name, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("boot_id", Name, nullable=False),
    Column("uptime", BigInteger, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("key_id", Name, nullable=False, server_default=""),
)

# The newest Accounting-On or -Off of each gateway, for records that come in after it and tell of before it.
gateway_restart = Table(
    "gateway_restart",
    core,
    Column("gateway", Name, primary_key=True),
    Column("at", Time, nullable=False),
    Column("cause", Name, nullable=False),
)

# Of sessions behind gateways that say which address each has, for `store.stays.addresses`.
client_address = Table(
    "client_address",
    core,
    Column("gateway", Name, primary_key=True),
    Column("session", String(253), primary_key=True),
    Column("address", LargeBinary(32), nullable=False),
    Column("at", Time, nullable=False),
)

journal_position = Table(
    "journal_position",
    core,
    Column("file", Id, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("applied_at", Time, nullable=False),
)

# -- access points -------------------------------------------------------------------------------------------------

host_key = Table(
    "host_key",
    core,
    Column("ap", Name, primary_key=True),
    Column("key", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("pinned_at", Time, nullable=False),
    Column("pinned_by", Name, nullable=False),
)

push_run = Table(
    "push_run",
    core,
    Column("id", Id, primary_key=True),
    Column("action", Name, nullable=False),
    Column("who", Name, nullable=False),
    Column("started_at", Time, nullable=False),
    Column("settings", Text, nullable=False),
    Column("ended_at", Time),
    Column("stopped", Text, nullable=False),
)
"""What one `apply` or `rollback` set out to do. One that never ended was cut off on our side."""

push = Table(
    "push",
    core,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("run", ForeignKey("push_run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ap", Name, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("manifest", String(64), nullable=False),
    Column("planned_at", Time, nullable=False),
    Column("finished_at", Time),
    Column("outcome", Name),
    Column("detail", Text, nullable=False),
    Index("ix_push_ap_number", "ap", "number"),
)
"""One attempt at one access point; its id is the transaction there. It stands before the first contact."""

catch_up = Table(
    "catch_up",
    core,
    Column("ap", Name, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("reason", Name, nullable=False),
    Column("run", Id, nullable=False),
    Column("queued_at", Time, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Time, nullable=False),
    Column("detail", Text, nullable=False),
    Column("given_up_at", Time),
)
"""Access points that `hotspot reconcile` still has to bring to a revision, or has given up."""
