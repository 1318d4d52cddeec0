"""Who is typing: what the kernel says, whatever the environment does."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from hotspot.node.terminal import typist

NOBODY = pwd.getpwnam("nobody")


@pytest.mark.parametrize(
    ("login", "uid", "told"),
    [
        (str(NOBODY.pw_uid), 0, "nobody as root"),
        (str(NOBODY.pw_uid), NOBODY.pw_uid, "nobody"),
        ("4294967295", 0, "root"),
        ("", 0, "root"),
        (None, NOBODY.pw_uid, "nobody"),
        ("3999999", 3999998, "uid 3999999 as uid 3999998"),
    ],
)
def test_who_logged_in_and_as_whom(tmp_path: Path, login: str | None, uid: int, told: str) -> None:
    file = tmp_path / "loginuid"
    if login is not None:
        file.write_text(login)
    assert typist(file, uid) == told


def test_no_variable_names_anybody(tmp_path: Path) -> None:
    claims = dict.fromkeys(("SUDO_USER", "LOGNAME", "USER", "USERNAME", "LNAME"), "mallory")
    code = "from hotspot.node.terminal import Node; print(Node().who)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **claims}, capture_output=True, text=True, check=True
    )
    assert "mallory" not in done.stdout
    assert pwd.getpwuid(os.getuid()).pw_name in done.stdout
