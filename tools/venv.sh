#!/bin/sh
# Makes build/venv: Python, the project and its development tools. Quick when nothing has changed.
set -eu
cd -P "$(dirname "$0")/.." # a link to it may change, or be gone in the bed

find_python() { # the distribution's own first: it is what a city runs, and is built with more care than most others
    if /usr/bin/python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo /usr/bin/python3
        return
    fi
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11 or later is needed; there is none in PATH." >&2
    return 1
}

usable() { # it is of this Python and was made at this place
    [ "$(build/venv/bin/python --version 2>/dev/null)" = "$("$python" --version)" ] &&
        [ "$(cat build/venv/made-at 2>/dev/null)" = "$PWD" ]
}

python=$(find_python)
stamp=build/venv/made-from
state="$("$python" --version) $PWD $(sha256sum pyproject.toml)"
if [ "$(cat "$stamp" 2>/dev/null)" = "$state" ] && build/venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

echo "== build/venv: the project's Python packages (about a minute)"
mkdir -p build
if usable; then
    :
elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv --clear build/venv
else
    "$python" -m venv --clear --without-pip build/venv
    build/venv/bin/python tools/bootstrap_pip.py
fi
echo "$PWD" >build/venv/made-at
build/venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev]'
echo "$state" >"$stamp"
