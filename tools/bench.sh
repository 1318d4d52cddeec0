#!/bin/sh
# bench.sh NAME [ARGUMENTS]: runs a benchmark of tests/bench; in the bed where the packages it needs are unpacked there.
set -eu
cd -P "$(dirname "$0")/.."
name=${1:?the name of a benchmark}
shift
set -- "$PWD/build/venv/bin/python" -m "tests.bench.$name" "$@"
if [ -d build/peers/usr ]; then
    exec tools/bed.sh "$@"
fi
exec "$@"
