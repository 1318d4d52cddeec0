"""Looks at the store that take no transaction."""

import threading

from hotspot.store import Store, schema

THREADS = 32
"""More than a portal has, and than a pool of SQLAlchemy's holds by itself."""


def test_every_thread_may_glance_and_write_beside_it(store: Store) -> None:
    all_have = threading.Barrier(THREADS)
    seen: list[int] = []

    def look() -> None:
        with store.core.glance() as connection:
            found = connection.execute(schema.meta.select().where(schema.meta.c.name == "n")).all()
        if store.core.engine.dialect.name == "sqlite":  # its connection is kept: PostgreSQL's is given back
            all_have.wait(20)
        with store.core.read() as connection:
            seen.append(
                len(found) + len(connection.execute(schema.meta.select().where(schema.meta.c.name == "n")).all())
            )

    threads = [threading.Thread(target=look) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == [0] * THREADS
