"""docs/sites.md and docs/operator.md keep up with what they describe."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

import hotspot.settings
from hotspot.inventory import check
from hotspot.sites import Gateway, Inventory

DOCS = Path(__file__).parents[2] / "docs"
SITES = (DOCS / "sites.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", SITES, re.DOTALL)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every table type inside an annotation, and inside those."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for argument in get_args(annotation):
        yield from models(argument)


TABLES = sorted(set(models(Inventory)), key=lambda model: model.__name__)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    rows = [line for line in SITES.splitlines() if line.startswith(("| `", "## "))]
    explained = set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in rows if line.startswith("|"))))
    sections = {re.sub(r"[\\\[\]]", "", line.removeprefix("## ")).split(".")[-1] for line in rows if line[0] == "#"}
    sections |= {"plans"} if "[plans.ID" in SITES else set()
    assert set(model.model_fields) <= explained | sections


def test_every_key_that_is_explained_exists() -> None:
    known = {name for model in TABLES for name in model.model_fields}
    explained = {
        name
        for line in SITES.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert explained <= known


def test_the_city_is_right_and_draws_no_warning() -> None:
    cities = [block for block in BLOCKS if block.startswith("# a city\n")]
    assert cities
    for text in cities:
        checked = check(text)
        assert (checked.faults, checked.warnings) == ((), ())


def test_the_gateway_is_right() -> None:
    gateways = [tomllib.loads(block)["gateway"] for block in BLOCKS if block.startswith("# a gateway\n")]
    assert gateways
    for tables in gateways:
        TypeAdapter(list[Gateway]).validate_python(tables)


def test_every_block_says_what_it_is() -> None:
    assert all(block.startswith(("# a city\n", "# a gateway\n")) for block in BLOCKS)


def test_every_variable_is_explained_to_operators() -> None:
    source = Path(hotspot.settings.__file__).read_text()
    variables = set(re.findall(r"HOTSPOT_[A-Z_]+", source))
    assert variables
    explained = set(re.findall(r"^\| `(HOTSPOT_[A-Z_]+)`", (DOCS / "operator.md").read_text(), re.MULTILINE))
    assert variables == explained & variables
