"""Who did what to which subject, when."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from .schema import audit


def record(connection: Connection, who: str, action: str, subject: str, now: int, **detail: Any) -> None:
    """Adds one entry. `detail` must hold no secret and no personal value."""
    connection.execute(
        insert(audit).values(at=now, who=who, action=action, subject=subject, detail=_text(detail)),
    )


def _text(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, sort_keys=True, ensure_ascii=False)
