"""Installs pip into the virtual environment that runs this, where Python came without ensurepip.

Takes the newest stable pip wheel from the package index (PyPI, or PIP_INDEX_URL), checks its SHA-256 and lets it
install itself. Standard library only.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

INDEX = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
_WHEEL = re.compile(r".*/pip-(\d+(?:\.\d+)*)-py3-none-any\.whl#sha256=([0-9a-f]{64})")


class Links(HTMLParser):
    """The links of an index page (PEP 503), without those that were withdrawn."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a" and "data-yanked" not in attributes:
            self.found.append(attributes.get("href") or "")


def fetch(url: str) -> bytes:
    """The body of one answer."""
    request = urllib.request.Request(url, headers={"Accept": "text/html, */*;q=0.1"})  # noqa: S310 - the admin's choice
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def newest_wheel(page: str) -> tuple[str, str]:
    """(URL, SHA-256) of the newest stable pip in the index."""
    links = (urljoin(page, link) for link in Links(fetch(page).decode()).found)
    found = [
        (tuple(int(part) for part in match[1].split(".")), link, match[2])
        for link in links
        if (match := _WHEEL.fullmatch(link))
    ]
    if not found:
        raise ValueError("it lists no wheel of pip with a SHA-256")
    _, link, sha256 = max(found)
    return urldefrag(link).url, sha256


def main() -> int:
    page = f"{INDEX.rstrip('/')}/pip/"
    try:
        url, sha256 = newest_wheel(page)
        content = fetch(url)
    except (urllib.error.URLError, ValueError) as error:
        sys.stderr.write(f"pip cannot be had from {page}: {error}\n")
        return 1
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.stderr.write(f"{url} is not what the index promised (SHA-256 differs)\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / url.rpartition("/")[2]
        wheel.write_bytes(content)
        command = [sys.executable, f"{wheel}/pip", "install", "--quiet", "--no-deps", str(wheel)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
