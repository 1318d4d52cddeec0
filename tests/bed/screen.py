"""A page as a phone's Chromium shows it: `python -m tests.bed.screen URL FILE.png`."""

import sys

from tests.chromium import running


def main(url: str, file: str) -> None:
    with running() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 760}, device_scale_factor=2, locale="id-ID")
        page.goto(url, wait_until="load", timeout=60_000)
        page.screenshot(path=file, full_page=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
