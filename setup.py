"""What pyproject.toml cannot say: with HOTSPOT_COMPILE=1 in the environment, RADIUS's hot path is compiled when the
project is installed: by mypyc from the same sources, and radius/wire/_wire.c, which does what radius/wire/plain.py and
radius/wire/mmsg.py do. The same behaviour, less time for each packet; a C compiler and Python's headers are needed.
Without it everything is plain Python."""

import os

from setuptools import Extension, setup

COMPILED = [
    "hotspot/keyed_hash.py",
    "hotspot/admission/session.py",
    "hotspot/store/stays/redemption.py",
    "hotspot/admission/ticket.py",
    "radius/access.py",
    "radius/accounting.py",
    "radius/wire/datagrams.py",
    "radius/wire/dictionary/__init__.py",
    "radius/endpoint.py",
    "radius/wire/packet.py",
    "radius/service.py",
]
_CHECKED = ["--config-file=", "--ignore-missing-imports"]
"""The types of libraries are not there while a wheel is built; what they give is taken as it comes."""

if os.environ.get("HOTSPOT_COMPILE") == "1":
    try:
        from mypyc.build import mypycify
    except ImportError:  # the first call only asks what is needed
        setup(setup_requires=["mypy>=1.16"])
    else:
        modules = mypycify([*_CHECKED, *COMPILED], opt_level="3", debug_level="0", target_dir="build/compiled")
        wire = Extension(
            "radius.wire._wire", ["radius/wire/_wire.c"], depends=["radius/wire/md5.h"], extra_compile_args=["-O3"]
        )
        setup(setup_requires=["mypy>=1.16"], ext_modules=[*modules, wire])
else:
    setup()
