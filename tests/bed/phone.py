"""A person with a phone, inside a client's namespace: `python -m tests.bed.phone START_URL METHOD [NAME=VALUE...]`.

Opens a URL as a phone's mini-browser does, fills in the login form of a method (`look` fills in none, `out` logs out
on the status page), and prints what came as JSON: url, status, text, alert, visited.
"""

import json
import sys

from tests.browser import Browser


def main(url: str, method: str, *fields: str) -> None:
    browser = Browser()
    page = browser.open(url)
    if method == "out":
        page = browser.submit(page, page.form_to("logout"))
    elif method != "look":
        values = dict(field.split("=", 1) for field in fields)
        page = browser.submit(page, page.form(method=method), **values)
    shown = {"url": page.url, "status": page.status, "text": page.text, "alert": page.alert, "visited": page.visited}
    print(json.dumps(shown))


if __name__ == "__main__":
    main(*sys.argv[1:])
