"""RADIUS's tests once more, with its hot path compiled as `HOTSPOT_COMPILE=1 pip install` does it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTED = ("tests/radius", "tests/fuzz", "tests/store", "tests/hotspot")


@pytest.mark.long
def test_what_is_compiled_passes_the_same_tests(tmp_path: Path) -> None:
    copy, wheel = tmp_path / "copy", tmp_path / "installed"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("build", ".git", "__pycache__", ".*_cache"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(wheel), "."]
    subprocess.run(install, cwd=copy, env={**os.environ, "HOTSPOT_COMPILE": "1"}, check=True)
    extensions = [path.relative_to(wheel) for path in wheel.rglob("*.so")]
    assert Path("radius") in {path.parent for path in extensions}
    for path in extensions:
        shutil.copy(wheel / path, copy / path)
    shutil.rmtree(copy / "build")
    tests = [sys.executable, "-m", "pytest", "-m", "not long and not system", *TESTED]
    told = subprocess.run(tests, cwd=copy, stdout=subprocess.PIPE, text=True, check=False)
    assert told.returncode == 0, told.stdout[-5000:]
