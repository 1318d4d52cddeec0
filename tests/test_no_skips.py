"""A skipped test is a failure in CI, and is none elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SKIPS = {
    "in_a_test": "import pytest\ndef test_x():\n    pytest.skip('no peer')\n",
    "by_a_mark": "import pytest\n@pytest.mark.skip(reason='no peer')\ndef test_x():\n    pass\n",
    "in_a_fixture": "import pytest\n@pytest.fixture\ndef f():\n    pytest.skip('no peer')\ndef test_x(f):\n    pass\n",
    "of_a_module": "import pytest\npytest.skip('no peer', allow_module_level=True)\n",
}
EXPECTED = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_x():\n    raise ValueError\n"


def run(folder: Path, text: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(text)
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "HOTSPOT_NO_SKIP")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", f"--rootdir={folder}", "-c", os.devnull]
    return subprocess.run(
        [*command, str(folder)], cwd=ROOT, env={**clean, **environ}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("variable", ["CI", "HOTSPOT_NO_SKIP"])
@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_fails_in_ci(tmp_path: Path, kind: str, variable: str) -> None:
    done = run(tmp_path, SKIPS[kind], **{variable: "true"})
    assert done.returncode != 0
    assert "no peer" in done.stdout


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_is_a_skip_elsewhere(tmp_path: Path, kind: str) -> None:
    done = run(tmp_path, SKIPS[kind])
    assert "1 skipped" in done.stdout
    assert "failed" not in done.stdout


def test_an_expected_failure_is_none(tmp_path: Path) -> None:
    done = run(tmp_path, EXPECTED, CI="true")
    assert (done.returncode, "1 xfailed" in done.stdout) == (0, True)
