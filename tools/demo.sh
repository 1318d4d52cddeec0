#!/bin/sh
# Runs the demo in the bed; without one, the part of it that needs no network of its own. It stays up, unless ONCE=1.
set -u
cd -P "$(dirname "$0")/.." || exit
if [ ! -f tests/bed/demo.py ]; then
    echo "The demo (tests/bed/demo.py) is not part of this checkout." >&2
    exit 1
fi
tools/bed.sh true
case $? in
0)
    case ${ONCE:-0} in
    0) exec build/venv/bin/python -m tests.bed.outside ;;
    *) exec tools/bed.sh build/venv/bin/python -m tests.bed.demo ;;
    esac
    ;;
77) exec build/venv/bin/python -m tests.bed.demo --without-namespaces ;;
*) exit 1 ;;
esac
