"""Whether a database has the tables, columns, indexes and triggers that this version's schema says.

The migrations' number alone does not tell: a database that was changed by hand, or whose migration was once edited
under the same number, would fail later, in the middle of something. Asked at every start, so it is two statements.
"""

from typing import Final

from sqlalchemy import Connection, MetaData, text

_COLUMNS: Final = {
    "sqlite": """
        SELECT m.name, p.name, p."notnull" FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
        WHERE m.type = 'table'
    """,
    "postgresql": """
        SELECT c.relname, a.attname, a.attnotnull FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
            AND a.attnum > 0 AND NOT a.attisdropped
    """,
}
_NAMES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')",
    "postgresql": """
        SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'i'
        UNION ALL
        SELECT t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'D'
    """,
}
_TRIGGERS: Final = {
    "sqlite": [
        f"{table}_no_{event}" for table in ("audit", "audit_anchor") for event in ("update", "delete", "replace")
    ],
    "postgresql": ["audit_append_only", "audit_anchor_append_only"],
}
"""What the migrations add beside what tables say of themselves, in the core database."""


def differences(connection: Connection, schema: MetaData) -> list[str]:
    """What the database lacks, or has otherwise, in words; empty for one that is as it should be. Tables, columns
    without a rule and indexes that somebody added do no harm."""
    dialect = connection.dialect.name
    columns = {(table, column): bool(needed) for table, column, needed in connection.execute(text(_COLUMNS[dialect]))}
    names = set(connection.execute(text(_NAMES[dialect])).scalars())
    tables = {table for table, _ in columns}
    found = [f"there is no table {name}" for name in sorted(schema.tables.keys() - tables)]
    for table in schema.sorted_tables:
        if table.name in tables:
            for column in table.columns:
                needed = columns.pop((table.name, column.name), None)
                if needed is None:
                    found.append(f"{table.name} has no column {column.name}")
                elif needed == column.nullable:
                    found.append(f"{table.name}.{column.name} {'must' if needed else 'need not'} have a value")
        found += [f"there is no index {index.name}" for index in table.indexes if index.name not in names]
    found += [
        f"{table}.{column} is unknown"
        for (table, column), needed in columns.items()
        if needed and table in schema.tables
    ]
    if "audit" in schema.tables:
        found += [f"there is no trigger {name}" for name in _TRIGGERS[dialect] if name not in names]
    return found
