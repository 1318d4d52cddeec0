"""What the project stands on: the locked versions are those that pyproject.toml allows, and no library's own inner
names are used, which its next version may change without a word.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
ROOTS = ("hotspot", "portal", "radius", "controller", "telemetry")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

GUARDED = {
    "controller/transport/driven.py": (
        "half of a push; for tried versions alone, and paramiko < 6 (`usable` falls back and logs)"
    ),
}
"""Where inner names are used: what for, and what happens where they are gone."""
PUBLIC = {"_mapping", "_replace", "_asdict", "_exit", "_typeshed"}
"""Documented in spite of their underscore: of SQLAlchemy's rows, named tuples, os, and the names of types."""


def locked(name: str) -> Iterator[tuple[Requirement, str]]:
    """Each entry of a lock file, and the rest of it."""
    text = (TOP / "requirements" / name).read_text()
    for entry in re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)):
        first, _, rest = entry.partition("\\\n")
        yield Requirement(first), rest


def wanted(extra: bool) -> list[Requirement]:
    texts = [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"]["dev"] if extra else ())]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(("name", "extra"), [("run.txt", False), ("dev.txt", True)])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_has_a_locked_version_that_is_allowed(name: str, extra: bool, python: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    versions = {
        canonicalize_name(entry.name): str(next(iter(entry.specifier)).version)
        for entry, _ in locked(name)
        if entry.marker is None or entry.marker.evaluate(here)
    }
    missing = [
        str(one) for one in wanted(extra) if not one.specifier.contains(versions.get(canonicalize_name(one.name), ""))
    ]
    assert not missing, f"{missing}: run tools/lock.sh"


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_locked_package_is_one_version_with_hashes(name: str) -> None:
    for entry, rest in locked(name):
        assert re.fullmatch(r"==[^=*]+", str(entry.specifier)), entry
        assert "--hash=sha256:" in rest, entry


def test_what_runs_is_locked_alike_for_development() -> None:
    develop = {(entry.name, str(entry.specifier)) for entry, _ in locked("dev.txt")}
    assert {(entry.name, str(entry.specifier)) for entry, _ in locked("run.txt")} <= develop


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for root in ROOTS:
        for path in sorted((TOP / root).rglob("*.py")):
            yield str(path.relative_to(TOP)), ast.parse(path.read_text())


def _is_inner(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def _is_own(node: ast.expr) -> bool:
    """`self`, and what is reached by it: in our classes, whose bases' methods the next test looks at."""
    return isinstance(node, ast.Name) and node.id in ("self", "cls", "mcs")


def _inner_names(module: ast.Module) -> Iterator[str]:
    own = {node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {n.attr for n in ast.walk(module) if isinstance(n, ast.Attribute) and _is_own(n.value)}
    own |= {
        target.id
        for node in ast.walk(module)
        if isinstance(node, ast.AnnAssign) and isinstance(target := node.target, ast.Name)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            if _is_inner(node.attr) and node.attr not in own and not _is_own(node.value):
                yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            ours = (node.module or "").split(".")[0] in ROOTS
            yield from (f"line {node.lineno}: {name}" for name in names if _is_inner(name) and not ours)
        elif isinstance(node, ast.Import):
            yield from (f"line {node.lineno}: {alias.name}" for alias in node.names if _is_inner(alias.name))


def _overridden(module: ast.Module) -> Iterator[str]:
    """Inner methods of classes that have a library's class for a base."""
    imported = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(module)
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.level == 0)
        if not (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (*ROOTS, "typing", "enum"))
        for alias in node.names
    }
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).split(".")[0] in imported for base in node.bases):
            inner = (n.name for n in node.body if isinstance(n, ast.FunctionDef) and _is_inner(n.name))
            yield from (f"{node.name}.{name}" for name in inner)


def test_no_inner_name_of_a_library_is_used_unguarded() -> None:
    found = {path: [*_inner_names(module), *_overridden(module)] for path, module in _sources()}
    assert {path: names for path, names in found.items() if names and path not in GUARDED} == {}
    assert {path for path, names in found.items() if names} == set(GUARDED), "a guard that guards nothing"


def test_what_is_used_in_spite_of_it_has_an_upper_bound() -> None:
    [paramiko] = [one for one in wanted(extra=False) if one.name == "paramiko"]
    assert any(one.operator == "<" for one in paramiko.specifier)
