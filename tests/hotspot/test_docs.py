"""docs/sites.md and docs/operator.md keep up with what they describe."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

import hotspot.settings
from hotspot.admission import plan
from hotspot.city import codes, hook, look, oidc, sites, wifi
from hotspot.city.inventory import DIALECTS, check
from hotspot.nas import entries

DOCS = Path(__file__).parents[2] / "docs"
SITES = (DOCS / "sites.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", SITES, re.DOTALL)


NESTED = {"ap", "plans", "gateway", "site", "regions"}
"""Tables that have a section of their own."""

SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "city": (sites.City,),
    "portal": (sites.PortalSection,),
    "codes": (codes.CodesSection,),
    "sender": (codes.SpoolSender, codes.HttpSender, codes.TwilioSender),
    "look": (look.Look,),
    "link": (look.Link,),
    "oidc": (oidc.OidcSection,),
    "complaints": (hook.ComplaintsSection,),
    "retention": (sites.RetentionSection,),
    "ssid": (wifi.WifiNetwork,),
    "ssid.radius": (wifi.SsidRadius,),
    "wifi": (wifi.Wifi,),
    "wifi.radios": (wifi.Radio,),
    "probe": (sites.ProbeSection,),
    "controller": (sites.ControllerSection,),
    "plans.ID": (plan.Plan,),
    "gateway": (
        entries.CoovaChilliGateway,
        entries.OpenndsGateway,
        entries.MikrotikGateway,
        entries.ArubaGateway,
        entries.CiscoGateway,
        entries.RuckusGateway,
        entries.CambiumGateway,
        entries.MerakiGateway,
        entries.MerakiClickGateway,
        entries.OmadaGateway,
        entries.OpnsenseGateway,
        entries.PfsenseGateway,
        entries.GenericGateway,
        entries.UnifiGateway,
    ),
    "radius": (entries.RadiusClient,),
    "tunnel": (sites.TunnelSection,),
    "site": (sites.Site,),
    "site.ap": (sites.AccessPoint,),
    "regions": (),
}


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every table type inside an annotation, and inside those."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for argument in get_args(annotation):
        yield from models(argument)


def rows(section: str) -> list[str]:
    """The keys that a section's tables explain."""
    parts = re.split(r"^##+ (.+)$", SITES, flags=re.MULTILINE)
    bodies = {re.sub(r"[\\\[\]]", "", title): body for title, body in zip(parts[1::2], parts[2::2], strict=True)}
    first_cells = re.findall(r"^\| (`.+?) \|", bodies[section], re.MULTILINE)
    return [key for cell in first_cells for key in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_explains_its_keys_each_once_and_no_others(section: str) -> None:
    fields = {name for model in SECTIONS[section] for name in model.model_fields}
    nested = NESTED if section == "site" else set()
    assert sorted(rows(section)) == sorted(fields - nested)


def test_every_table_has_its_section() -> None:
    explained = {model for section in SECTIONS.values() for model in section}
    assert set(models(sites.Inventory)) - {sites.Inventory} == explained
    assert {section.split(".")[0] for section in SECTIONS} >= set(sites.Inventory.model_fields)


def test_the_city_is_right_and_draws_no_warning() -> None:
    cities = [block for block in BLOCKS if block.startswith("# a city\n")]
    assert cities
    for text in cities:
        checked = check(text)
        assert (checked.faults, checked.warnings) == ((), ())


PARTS: dict[str, tuple[str, Any]] = {
    "# a gateway\n": ("gateway", list[entries.Gateway]),
    "# a network\n": ("ssid", list[wifi.WifiNetwork]),
    "# settings\n": ("wifi", wifi.Wifi),
}
"""How a part of a city begins in the page, its key and what it is."""


@pytest.mark.parametrize("start", PARTS)
def test_a_part_is_right(start: str) -> None:
    key, kind = PARTS[start]
    parts = [tomllib.loads(block)[key] for block in BLOCKS if block.startswith(start)]
    assert parts
    for part in parts:
        TypeAdapter(kind).validate_python(part)


@pytest.mark.parametrize("kind", sorted(set(DIALECTS) - {"meraki-click"}))
def test_every_kind_of_gateway_has_a_page(kind: str) -> None:
    page = (DOCS / "gateways" / f"{kind}.md").read_text()
    [block] = re.findall(r"```toml\n# a gateway\n(.*?)```", page, re.DOTALL)
    [entry] = TypeAdapter(list[entries.Gateway]).validate_python(tomllib.loads(block)["gateway"])
    assert entry.nas == kind
    assert f"hotspot nas test {entry.id}\n" in page
    assert f"(gateways/{kind}.md)" in (DOCS / "portal.md").read_text()


def test_every_block_says_what_it_is() -> None:
    assert all(block.startswith(("# a city\n", *PARTS)) for block in BLOCKS)


def test_the_message_gateways_of_the_portals_page_are_right() -> None:
    blocks = re.findall(r"```toml\n# codes(.*?)```", (DOCS / "portal.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        codes.CodesSection.model_validate(tomllib.loads(f"#{block}")["codes"])


def test_every_variable_is_explained_to_operators() -> None:
    source = Path(hotspot.settings.__file__).read_text()
    variables = set(re.findall(r"HOTSPOT_[A-Z_]+", source))
    assert variables
    explained = set(re.findall(r"^\| `(HOTSPOT_[A-Z_]+)`", (DOCS / "operator.md").read_text(), re.MULTILINE))
    assert variables == explained & variables
