"""radius/wire/_wire.c compiled for a test, beside its twins in Python."""

import subprocess
import sysconfig
from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

SOURCE = Path(__file__).parents[2] / "radius" / "wire" / "_wire.c"


@cache
def wire() -> ModuleType:
    """The module, with every warning an error."""
    with TemporaryDirectory() as folder:
        built = Path(folder) / "_wire.so"
        flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{sysconfig.get_path('include')}"]
        subprocess.run(["cc", *flags, "-o", str(built), str(SOURCE)], check=True)
        spec = spec_from_file_location("_wire", built, loader=ExtensionFileLoader("_wire", str(built)))
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return module
