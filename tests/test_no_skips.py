"""A skipped test is a failure in CI, and is none elsewhere."""

import os
import re
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


def run(folder: Path, files: dict[str, str], **environ: str) -> "subprocess.CompletedProcess[str]":
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "HOTSPOT_NO_SKIP")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", f"--rootdir={folder}", "-c", os.devnull, "-rA"]
    return subprocess.run(
        [*command, str(folder)], cwd=ROOT, env={**clean, **environ}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("variable", ["CI", "HOTSPOT_NO_SKIP"])
def test_a_skip_fails_in_ci(tmp_path: Path, variable: str) -> None:
    of_a_module = {"of_a_module": SKIPS["of_a_module"]}
    alone = run(tmp_path, of_a_module, **{variable: "true"})  # a module that is not collected ends everything
    assert alone.returncode != 0
    assert "no peer" in alone.stdout
    (tmp_path / "test_of_a_module.py").unlink()
    others = {kind: text for kind, text in SKIPS.items() if kind not in of_a_module}
    done = run(tmp_path, {**others, "expected": EXPECTED}, **{variable: "true"})
    assert done.returncode != 0
    assert "no peer" in done.stdout
    assert all(re.search(rf"^(FAILED|ERROR) \S*test_{kind}\.py", done.stdout, re.MULTILINE) for kind in others)
    assert "1 xfailed" in done.stdout, "an expected failure is none"


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPS)
    assert f"{len(SKIPS)} skipped" in done.stdout
    assert "failed" not in done.stdout
