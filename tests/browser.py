"""The least browser a phone can have: no JavaScript, no cookies, forms and redirects. Pages as they come."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

USER_AGENT = "Mozilla/5.0 (Linux; Android 5.1; phone) AppleWebKit/537.36 Chrome/44 Mobile Safari/537.36"
"""openNDS 9.10 crashes when a client sends none to its login address."""


@dataclass
class Form:
    """`fields` has its first button, as a form that is sent with the Enter key; `buttons` are all it has."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self.alerts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._alert = False
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        self._style = tag in ("style", "script")
        if tag == "form":
            self.forms.append(Form(found.get("action") or ""))
        elif tag == "button" and self.forms and found.get("name"):
            self._button(self.forms[-1], str(found["name"]), found.get("value") or "")
        elif tag == "input" and self.forms and found.get("name"):
            self.forms[-1].fields[str(found["name"])] = found.get("value") or ""
        if found.get("role") == "alert":
            self._alert = True

    def _button(self, form: Form, name: str, value: str) -> None:
        if not form.buttons:
            form.fields[name] = value
        form.buttons.append({name: value})

    def handle_endtag(self, tag: str) -> None:
        self._style = False
        if tag == "div":
            self._alert = False

    def handle_data(self, data: str) -> None:
        if not self._style and data.strip():
            self.text.append(data.strip())
            if self._alert:
                self.alerts.append(data.strip())


@dataclass
class Page:
    """What came in the end, and every URL on the way."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    html: str
    visited: list[str]

    def __post_init__(self) -> None:
        self._reader = _Reader()
        self._reader.feed(self.html)

    @property
    def text(self) -> str:
        return "\n".join(self._reader.text)

    @property
    def alert(self) -> str:
        return " ".join(self._reader.alerts)

    @property
    def forms(self) -> list[Form]:
        return self._reader.forms

    @property
    def tags(self) -> list[tuple[str, dict[str, str | None]]]:
        return self._reader.tags

    def form(self, **fields: str) -> Form:
        """The form whose fields, one of its buttons among them, have these values."""
        for form in self.forms:
            for button in form.buttons or [{}]:
                found = {**form.fields, **button}
                if fields.items() <= found.items():
                    return replace(form, fields=found)
        raise AssertionError(f"no form with {fields} in:\n{self.text}")

    def form_to(self, end: str) -> Form:
        """The form that is sent to an address with this end."""
        return next(form for form in self.forms if form.action.endswith(end))


class Browser:
    def __init__(self, language: str = "id-ID,id;q=0.9", source: str | None = None):
        self.language = language
        self._source = (source, 0) if source else None

    def open(self, url: str, data: Mapping[str, str] | None = None, hops: int = 10) -> Page:
        """Follows redirects as browsers do: 303 and 302 with GET."""
        visited = [url]
        body = urlencode(data) if data is not None else None
        for _ in range(hops):
            parts = urlsplit(url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            connection = kind(parts.netloc, timeout=60, source_address=self._source)
            path = parts.path or "/"
            headers = {"Accept-Language": self.language, "User-Agent": USER_AGENT}
            if body is not None:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request(
                "GET" if body is None else "POST", f"{path}?{parts.query}" if parts.query else path, body, headers
            )
            answer = connection.getresponse()
            html = answer.read().decode()
            connection.close()
            location = answer.getheader("Location")
            if answer.status not in (301, 302, 303, 307) or location is None:
                return Page(url, answer.status, answer.headers, html, visited)
            url, body = urljoin(url, location), None
            visited.append(url)
        raise AssertionError(f"too many redirects: {visited}")

    def submit(self, page: Page, form: Form, /, **fields: str) -> Page:
        return self.open(urljoin(page.url, form.action), {**form.fields, **fields})
