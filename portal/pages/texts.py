"""What people agree to: the texts in `terms/PURPOSE/LANGUAGE.txt`, and what proves which one somebody saw."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hotspot.city.look import LANGUAGES

SERVICE: Final = "service"
"""The terms of use, for everybody."""
PHONE: Final = "phone"
"""What a phone number is used for."""

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Terms:
    """One text in one language."""

    version: str
    language: str
    paragraphs: tuple[str, ...]
    sha256: str


Texts = Mapping[str, Terms]
"""The texts of one language by their purpose."""


def read_terms(language: str, text: str) -> Terms:
    """Terms from a text whose first line is `version DATE` and whose paragraphs are parted by empty lines."""
    head, _, body = text.partition("\n")
    paragraphs = tuple(" ".join(part.split()) for part in body.strip().split("\n\n"))
    return Terms(head.removeprefix("version ").strip(), language, paragraphs, hashlib.sha256(text.encode()).hexdigest())


def load_texts() -> Mapping[str, Texts]:
    """All texts by language."""
    return {
        language: {
            purpose: read_terms(language, (_HERE / "terms" / purpose / f"{language}.txt").read_text())
            for purpose in (SERVICE, PHONE)
        }
        for language in LANGUAGES
    }
