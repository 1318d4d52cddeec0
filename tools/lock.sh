#!/bin/sh
# lock.sh [PACKAGE...]: writes requirements/*.txt anew from pyproject.toml: the newest allowed versions for every
# supported Python, with the hashes of their files. With packages, only those (and what they need) become newer.
set -eu
cd "$(dirname "$0")/.."
tools=build/lock # uv, https://pypi.org/project/uv, as pip would take an hour for what it does in a second
[ -x "$tools/bin/uv" ] || build/venv/bin/python -m pip install --quiet --disable-pip-version-check --target "$tools" uv

compile() { # FILE UV-ARGUMENTS...
    file=requirements/$1
    shift
    "$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command "tools/lock.sh" --output-file "$file" "$@" pyproject.toml
}

if [ $# = 0 ]; then
    rm -f requirements/*.txt
    set -- --upgrade
else
    for package; do
        set -- "$@" --upgrade-package "$package"
        shift
    done
fi
compile dev.txt "$@" --extra dev requirements/build.in
compile run.txt "$@" --constraint requirements/dev.txt
