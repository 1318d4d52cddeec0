#!/bin/sh
# Makes build/installed: the project as a city installs it, with RADIUS compiled where that can be, on the distribution's
# own Python where that is new enough. What benchmarks measure. Quick when nothing has changed.
set -eu
cd -P "$(dirname "$0")/.."
target=build/installed

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

for python in /usr/bin/python3 python3; do
    if new_enough "$python"; then break; fi
done
new_enough "$python" || { echo "Python 3.11 or later is needed; there is none in PATH." >&2; exit 1; }

state="$("$python" -VV) $PWD $(git ls-files -co --exclude-standard setup.py pyproject.toml hotspot portal radius controller telemetry |
    xargs cat 2>/dev/null | sha256sum)"
if [ "$(cat "$target/made-from" 2>/dev/null)" = "$state" ]; then
    exit 0
fi

echo "== $target: the project as it is installed, compiled (a minute or two)"
rm -rf "$target" build/lib* build/temp* build/bdist* build/compiled
mkdir -p build
if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv "$target"
else
    "$python" -m venv --without-pip "$target"
    "$target/bin/python" tools/bootstrap_pip.py
fi
install() {
    "$target/bin/python" -m pip install --disable-pip-version-check . >build/installed.log 2>&1
}
if ! HOTSPOT_COMPILE=1 install; then
    echo "== it cannot be compiled here (build/installed.log says why); plain Python is measured"
    install
fi
rm -rf build/lib* build/temp* build/bdist* build/compiled
echo "$state" >"$target/made-from"
