"""Text of managed files from jinja2 templates: sandboxed, and whatever a template names must be there. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from controller.desired import File
from controller.mikrotik import routeros
from controller.posix import uci
from hotspot.entry.fields import split_endpoint


def _source(name: str) -> str:
    return (files("controller") / "kinds/templates" / name).read_text()


_environment = SandboxedEnvironment(
    loader=FunctionLoader(_source),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    comment_start_string="{##",  # "{#" stands in shell's ${#name}
    comment_end_string="##}",
    autoescape=False,  # these are configuration files, and every value's type allows no line end
)
_environment.filters |= {"endpoint": split_endpoint, "uci": uci.quoted, "rsc": routeros.quoted}


def file(path: str, template: str, values: Mapping[str, Any], mode: int = 0o644, masks: tuple[str, ...] = ()) -> File:
    """The managed file at `path` as a template of the folder `templates` makes it."""
    return _shared(path, _environment.get_template(template).render(values).encode(), mode, masks)


_shared = lru_cache(maxsize=256)(File)
"""The same file for every access point that holds it: thousands of them hold few that differ."""
