"""FreeRADIUS's sql module with one query for a request.

Its standard queries, without those that only a gone-wrong session or a group needs: a Start inserts, an Interim-Update
and a Stop update by the unique id, authentication selects the password.
"""

_MODULE = """sql {{
        dialect = "{dialect}"
        driver = "rlm_sql_{dialect}"
        {place}
        acct_table1 = "radacct"
        acct_table2 = "radacct"
        postauth_table = "radpostauth"
        authcheck_table = "radcheck"
        authreply_table = "radreply"
        read_groups = no
        read_profiles = no
        delete_stale_sessions = no
        read_clients = no
        sql_user_name = "%{{User-Name}}"
        pool {{
            start = ${{thread[pool].start_servers}}
            min = ${{thread[pool].start_servers}}
            max = ${{thread[pool].max_servers}}
            spare = 0
            uses = 0
            lifetime = 0
            idle_timeout = 0
            retry_delay = 1
        }}
        authorize_check_query = "{check}"
        accounting {{
            reference = "%{{tolower:type.%{{Acct-Status-Type}}.query}}"
            type {{
                start {{
                    query = "{start}"
                }}
                interim-update {{
                    query = "{interim}"
                }}
                stop {{
                    query = "{stop}"
                }}
            }}
        }}
        post-auth {{
            reference = ".query"
            query = "{post_auth}"
        }}
    }}"""

_CHECK = "SELECT id, username, attribute, value, op FROM radcheck WHERE username = '%{SQL-User-Name}' ORDER BY id"
_START = (
    "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, nasporttype, acctstarttime,"
    " acctupdatetime, acctsessiontime, acctinputoctets, acctoutputoctets, calledstationid, callingstationid,"
    " framedipaddress) VALUES ('%{Acct-Session-Id}', '%{Acct-Unique-Session-Id}', '%{SQL-User-Name}',"
    " '%{NAS-IP-Address}', '%{NAS-Port-Type}', TIME, TIME, 0, 0, 0, '%{Called-Station-Id}', '%{Calling-Station-Id}',"
    " '%{Framed-IP-Address}')"
)
_COUNTERS = (
    "acctsessiontime = %{Acct-Session-Time},"
    " acctinputoctets = CAST(%{%{Acct-Input-Gigawords}:-0} AS bigint) << 32 | %{%{Acct-Input-Octets}:-0},"
    " acctoutputoctets = CAST(%{%{Acct-Output-Gigawords}:-0} AS bigint) << 32 | %{%{Acct-Output-Octets}:-0}"
)
_OPEN = "WHERE acctuniqueid = '%{Acct-Unique-Session-Id}' AND acctstoptime IS NULL"
_INTERIM = "UPDATE radacct SET acctupdatetime = TIME, framedipaddress = '%{Framed-IP-Address}', COUNTERS OPEN"
_STOP = (
    "UPDATE radacct SET acctstoptime = TIME, acctupdatetime = TIME, COUNTERS,"
    " acctterminatecause = '%{Acct-Terminate-Cause}' OPEN"
)
_POST_AUTH = (
    "INSERT INTO radpostauth (username, pass, reply, authdate) VALUES"
    " ('%{SQL-User-Name}', '%{User-Password}', '%{reply:Packet-Type}', '%S.%M')"
)
_EPOCH = "%{integer:Event-Timestamp}"


def module(dialect: str, place: str) -> str:
    """The module's configuration; `place` says where its database is."""

    time = f"TO_TIMESTAMP({_EPOCH})" if dialect == "postgresql" else _EPOCH

    def whole(query: str) -> str:
        return query.replace("TIME", time).replace("COUNTERS", _COUNTERS).replace("OPEN", _OPEN)

    return _MODULE.format(
        dialect=dialect,
        place=place,
        check=_CHECK,
        start=whole(_START),
        interim=whole(_INTERIM),
        stop=whole(_STOP),
        post_auth=_POST_AUTH,
    )
