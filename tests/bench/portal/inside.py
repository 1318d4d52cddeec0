"""What the application alone costs: its WSGI function called in this process, without a server or a socket."""

import cProfile
import io
import pstats
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from hotspot.settings import Settings
from hotspot.store.keyed import open_keyed
from portal.app import create
from portal.desk import Desk

from .city import Visitor
from .phones import NotLet, form_of, login_body


@dataclass(frozen=True)
class Inside:
    """CPU of this process, in milliseconds: of the first page, and of the form's answer."""

    page_ms: float
    form_ms: float


def _call(app: Flask, environ: dict[str, Any]) -> tuple[float, str, bytes]:
    """CPU seconds, status line and body."""
    status = ""

    def start(line: str, *_: object) -> Any:
        nonlocal status
        status = line

    began = time.thread_time()
    body = b"".join(app(environ, start))
    return time.thread_time() - began, status, body


def _environ(visitor: Visitor, path: str, body: bytes = b"") -> dict[str, Any]:
    builder = EnvironBuilder(
        path, method="POST" if body else "GET", input_stream=io.BytesIO(body) if body else None,
        content_type="application/x-www-form-urlencoded" if body else None, content_length=len(body) or None,
        headers=Headers({"X-Forwarded-For": visitor.address, "Accept-Language": "id-ID,id;q=0.9"}),
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    )  # fmt: skip
    return builder.get_environ()


def measure(environment: dict[str, str], visitors: Iterable[Visitor], profile: bool = False) -> Inside:
    """The medians over the visitors' logins, after some to warm up; with `profile` told where the time goes instead."""
    settings = Settings.load(environ=environment)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # where lines go is not the application's cost
    store, keys = open_keyed(settings)
    app = create(Desk(settings, store, keys))
    pages: list[float] = []
    forms: list[float] = []
    profiler = cProfile.Profile()
    for number, visitor in enumerate(visitors):
        if profile and number == 50:
            profiler.enable()
        spent, status, page = _call(app, _environ(visitor, visitor.path))
        form = form_of(page)
        if not status.startswith("200") or form is None:
            raise NotLet(f"the page came with {status}")
        pages.append(spent)
        spent, status, page = _call(app, _environ(visitor, "/login?lang=id", login_body(visitor, form)))
        if not status.startswith("303"):
            raise NotLet(f"the form was answered with {status}: {page[-200:]!r}")
        forms.append(spent)
    profiler.disable()
    store.close()
    if profile:
        pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(45)
    return Inside(_middle(pages) * 1e3, _middle(forms) * 1e3)


def _middle(seconds: list[float]) -> float:
    kept = sorted(seconds[len(seconds) // 10 :])
    return kept[len(kept) // 2]
