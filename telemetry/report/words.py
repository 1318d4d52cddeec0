"""The words of one report: its texts and its numbers in one language."""

from dataclasses import dataclass
from pathlib import Path

from hotspot.catalogue import Catalogue, load

from .numerals import Numerals


def report_texts() -> Catalogue:
    """The catalogue of the report pack. ConfigError when the installation lacks it."""
    return load(Path(__file__).parent.parent, "report")


@dataclass(frozen=True)
class Words:
    catalogue: Catalogue
    language: str

    def __call__(self, key: str, **values: object) -> str:
        return self.catalogue.text(self.language, key, **values)

    @property
    def numerals(self) -> Numerals:
        return Numerals(self.language)
