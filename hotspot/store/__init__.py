"""The only place with SQL: the schema, its migrations, and the statements, one module for each subject.

Every function takes an open Connection of `Database.read()` or `Database.write()`, so that its caller decides what
belongs into one transaction. Functions that need the time take `now` in UTC seconds.
"""

from .engine import Database, Store

__all__ = ["Database", "Store"]
