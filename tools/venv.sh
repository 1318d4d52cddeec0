#!/bin/sh
# venv.sh [--newest]: makes build/venv: Python, the project and its development tools, in the versions and files that
# requirements/dev.txt names. Quick when nothing has changed. With --newest: build/newest, the newest packages that
# pyproject.toml allows.
set -eu
cd -P "$(dirname "$0")/.." # a link to it may change, or be gone in the bed
venv=$PWD/build/venv
[ "${1:-}" != --newest ] || venv=$PWD/build/newest

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
    [ "$("$venv/bin/python" --version 2>/dev/null)" = "$("$python" --version)" ] &&
        [ "$(cat "$venv/made-at" 2>/dev/null)" = "$PWD" ]
}

python=$(find_python)
stamp=$venv/made-from
state="$("$python" --version) $PWD $(sha256sum pyproject.toml requirements/dev.txt)"
if [ "${1:-}" = --newest ]; then
    state="$state $(date +%G-%V)" # newer ones may have come since last week
fi
if [ "$(cat "$stamp" 2>/dev/null)" = "$state" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

echo "== ${venv#"$PWD"/}: the project's Python packages (about a minute)"
mkdir -p build
if usable; then
    :
elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv --clear "$venv"
else
    "$python" -m venv --clear --without-pip "$venv"
    "$venv/bin/python" tools/bootstrap_pip.py
fi
echo "$PWD" >"$venv/made-at"
install() {
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check "$@"
}
if [ "${1:-}" = --newest ]; then
    install --upgrade --upgrade-strategy eager --editable '.[dev]'
else
    install --require-hashes --requirement requirements/dev.txt
    install --no-deps --no-build-isolation --editable .
fi
echo "$state" >"$stamp"
