"""What people read: texts by key, from the gettext catalogues (.po files) that stand beside the code that shows them.

A service keeps its texts under `locale/<language>/<domain>.po`. A message id is a key (`status.up`), not a sentence, so
that no language is the original of the other. Values stand in a text as `{name}`, a brace itself as `{{`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from babel.messages.pofile import PoFileError, read_po

from .errors import ConfigError

LANGUAGES: Final = ("id", "en")
"""The languages of what clerks read; the first is what others fall back to. The portal has more
(`hotspot.city.look`)."""


@dataclass(frozen=True)
class Catalogue:
    """The texts of one domain: language -> key -> text."""

    texts: Mapping[str, Mapping[str, str]]

    def text(self, language: str, msgid: str, **values: object) -> str:
        """The text of a key with its values put in; Indonesian where the language has none, else the key itself."""
        for known in (language, LANGUAGES[0]):
            found = self.texts.get(known, {}).get(msgid)
            if found:
                return found.format_map(values)
        return msgid


def load(package_dir: Path, domain: str, languages: Sequence[str] = LANGUAGES) -> Catalogue:
    """The catalogue `domain` of a package. ConfigError names the file that is missing or is no .po file."""
    return Catalogue({language: _read(package_dir / "locale" / language / f"{domain}.po") for language in languages})


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
    except OSError as error:
        raise ConfigError(f"the texts in {path} cannot be read: {error.strerror}") from error
    except (PoFileError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no .po file: {error}") from error
    return {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str) and message.id and isinstance(message.string, str) and not message.fuzzy
    }
