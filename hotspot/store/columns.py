"""What the columns of both databases are made of, and how their indexes and keys are called."""

from typing import Final

from sqlalchemy import BigInteger, Integer, String

CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

Serial: Final = BigInteger().with_variant(Integer, "sqlite")
Id: Final = String(32)
Name: Final = String(64)
Time: Final = BigInteger
"""UTC seconds."""
