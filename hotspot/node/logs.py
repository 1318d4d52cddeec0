"""Logs as JSON lines on stderr: ours by structlog, and those of the libraries in the same form.

No personal value and no secret is ever logged.
"""

import logging
import sys
from typing import Any, Final

import structlog

from hotspot.escape import for_json


class JsonLines(logging.Formatter):
    """A library's log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        value: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
        }
        if record.exc_info:
            value["exception"] = self.formatException(record.exc_info)
        return for_json(value)


def _written(value: dict[str, Any], **_: Any) -> str:
    return for_json(value)


LIBRARIES: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "hotspot.node.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"_granian": {"level": "WARNING"}, "granian.access": {"level": "WARNING"}},
}
"""For logging.config.dictConfig."""


def configure(*, for_good: bool = False) -> None:
    """Sets up structlog for this process; `for_good` where nobody does so again, which makes each line cheaper."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_written),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line and its end at once
        cache_logger_on_first_use=for_good,
    )
