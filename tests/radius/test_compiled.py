"""RADIUS's tests once more, with its hot path compiled as `HOTSPOT_COMPILE=1 pip install` does it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTED = ("tests/radius", "tests/fuzz", "tests/store", "tests/hotspot")


COMPILE = {**os.environ, "HOTSPOT_COMPILE": "1"}


def copied(folder: Path) -> Path:
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("build", ".git", "__pycache__", ".*_cache"))
    return copy


def test_the_compiler_takes_it(tmp_path: Path) -> None:
    """Everything but what the C compiler does."""
    ask = [sys.executable, "setup.py", "--quiet", "--version"]
    told = subprocess.run(ask, cwd=copied(tmp_path), env=COMPILE, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert list((tmp_path / "copy" / "build" / "compiled").glob("*.c"))


@pytest.mark.long
def test_what_is_compiled_passes_the_same_tests(tmp_path: Path) -> None:
    copy, wheel = copied(tmp_path), tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(wheel), "."]
    subprocess.run(install, cwd=copy, env=COMPILE, check=True)
    extensions = [path.relative_to(wheel) for path in wheel.rglob("*.so")]
    assert Path("radius") in {path.parent for path in extensions}
    assert any(path.name.startswith("_wire.") for path in extensions)
    for path in extensions:
        shutil.copy(wheel / path, copy / path)
    shutil.rmtree(copy / "build")
    tests = [sys.executable, "-m", "pytest", "-m", "not long and not system", *TESTED]
    told = subprocess.run(tests, cwd=copy, stdout=subprocess.PIPE, text=True, check=False)
    assert told.returncode == 0, told.stdout[-5000:]
