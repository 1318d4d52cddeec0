"""What pyproject.toml cannot say: with HOTSPOT_COMPILE=1 in the environment, mypyc compiles RADIUS's hot path when the
project is installed. The same sources, the same behaviour, less time for each packet; a C compiler and Python's headers
are needed. Without it everything is plain Python.
"""

import os

from setuptools import setup

COMPILED = [
    "hotspot/keyed_hash.py",
    "hotspot/session.py",
    "hotspot/store/redemption.py",
    "hotspot/ticket.py",
    "radius/access.py",
    "radius/accounting.py",
    "radius/datagrams.py",
    "radius/dictionary/__init__.py",
    "radius/endpoint.py",
    "radius/packet.py",
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
        setup(setup_requires=["mypy>=1.16"], ext_modules=modules)
else:
    setup()
