"""Installs pip into the virtual environment that runs this, where Python came without ensurepip.

Takes the newest stable pip wheel from the package index (PyPI, or PIP_INDEX_URL), checks its SHA-256 and lets it
install itself. Standard library only.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

INDEX = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
_WHEEL = re.compile(r"pip-(\d+(?:\.\d+)*)-py3-none-any\.whl")


def fetch(url: str, accept: str = "*/*") -> bytes:
    """The body of one answer."""
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - the index is the admin's choice
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def newest_wheel(page: str) -> tuple[str, str, str]:
    """(file name, URL, SHA-256) of the newest stable pip in the index."""
    listed = json.loads(fetch(page, "application/vnd.pypi.simple.v1+json"))
    found = [
        (tuple(int(part) for part in match[1].split(".")), file)
        for file in listed["files"]
        if (match := _WHEEL.fullmatch(file["filename"])) and not file.get("yanked")
    ]
    file = max(found, key=lambda pair: pair[0])[1]
    return file["filename"], urllib.parse.urljoin(page, file["url"]), file["hashes"]["sha256"]


def main() -> int:
    page = f"{INDEX.rstrip('/')}/pip/"
    try:
        name, url, sha256 = newest_wheel(page)
        content = fetch(url)
    except (urllib.error.URLError, json.JSONDecodeError, KeyError, ValueError) as error:
        sys.stderr.write(f"pip cannot be had from {page}: {error}\n")
        return 1
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.stderr.write(f"{url} is not what the index promised (SHA-256 differs)\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / name
        wheel.write_bytes(content)
        command = [sys.executable, f"{wheel}/pip", "install", "--quiet", "--no-deps", str(wheel)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
