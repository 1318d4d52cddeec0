#!/bin/sh
# newest.sh: the newest packages that pyproject.toml allows, beside those that requirements/ names: everything can be
# imported, a phone gets in, RADIUS answers, access points' configuration is rendered, a report is made.
set -eu
cd -P "$(dirname "$0")/.."
tools/venv.sh --newest
python=$PWD/build/newest/bin/python
"$python" -m pip list --format=freeze | sed -n '/^\(flask\|werkzeug\|granian\|sqlalchemy\|paramiko\|pydantic\|psycopg\|cryptography\)==/Ip' | tr '\n' ' '
echo
"$python" -c '
import importlib, pkgutil
for name in ("hotspot", "portal", "radius", "controller", "telemetry"):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        if not module.name.rpartition(".")[2].startswith(("_", "env", "0")):
            importlib.import_module(module.name)
'
exec "$python" -m pytest -p no:cacheprovider \
    tests/portal/test_journeys.py::test_click_through \
    tests/portal/test_journeys.py::test_a_voucher_is_for_its_site_and_its_devices tests/radius/test_packet.py tests/controller/test_render.py \
    tests/telemetry/test_report.py tests/store/test_engine.py "$@"
