"""What all tests share: settings and stores in a temporary state folder, and that a skip is a failure in CI.

`settings` and `store` come once for each engine. `settings_in` makes settings of a folder for a test that needs no
store, or its own.
"""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from hotspot.people.identity import Keys
from hotspot.settings import MASTER_KEY, Settings
from hotspot.store import Store

from .moments import MOMENTS

pytest_plugins = ["tests.postgres"]

MASTER = Keys.new_text()
ENGINES = ("sqlite", "postgresql")


def settings_in(state: Path, **environ: str) -> Settings:
    """Settings with a master key and nothing from this process's environment."""
    return Settings.load(state, {MASTER_KEY: MASTER, **environ})


@pytest.fixture(params=ENGINES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with two fresh databases of one engine."""
    if request.param == "sqlite":
        return settings_in(tmp_path)
    fresh: Callable[[], str] = request.getfixturevalue("fresh_postgres")
    return settings_in(tmp_path, HOTSPOT_CORE_URL=fresh(), HOTSPOT_TELEMETRY_URL=fresh())


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An open, migrated store of those settings."""
    store = Store.open(settings)
    yield store
    store.close()


@pytest.fixture(params=MOMENTS.values(), ids=list(MOMENTS))
def moment(request: pytest.FixtureRequest) -> int:
    """UTC seconds of each of the moments; what reads a clock is given this one."""
    now: int = request.param
    return now


# -- no skips in CI ------------------------------------------------------------------------------------------------


def _skips_are_failures() -> bool:
    return bool(os.environ.get("CI") or os.environ.get("HOTSPOT_NO_SKIP"))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and _skips_are_failures():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure here: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
