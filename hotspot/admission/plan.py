"""A plan of sites.toml: what a class of people may use."""

from typing import Annotated

from pydantic import Field

from hotspot.entry.fields import BitsPerSecond, Bytes, Entry, Hours, Name, Seconds


class Plan(Entry):
    """What a class of people may use."""

    name: Name | None = None
    """What the pages call it."""
    session: Seconds
    time_per_day: Seconds | None = None
    data_per_day: Bytes | None = None
    down: BitsPerSecond | None = None
    up: BitsPerSecond | None = None
    devices: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    idle: Seconds = 900
    hours: Hours | None = None
