#!/bin/sh
# test.sh [PYTEST ARGUMENTS]: lint, then the tests that need nothing but Python, then those that meet real peers, in the
# bed, then in CI some with the newest packages, and the demo from another place. All of them always run; fails if any of them does.
set -u
cd -P "$(dirname "$0")/.." || exit
python=$PWD/build/venv/bin/python
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # a plain user's has them not
export PATH
bed=
if [ -d build/peers/usr ] || [ "$(id -u)" != 0 ]; then # the peers are in there, and a plain user is root there
    if tools/bed.sh true 2>/dev/null; then bed=tools/bed.sh; fi
fi

pytest() { # no test at all (5) is no failure
    "$@"
    code=$?
    [ "$code" = 5 ] && return 0
    return "$code"
}

failed=0
beside=
if [ -n "${CI:-}" ]; then # they wait for the network and the clock more than for a processor
    mkdir -p build/test
    setsid sh -c 'tools/newest.sh && tools/anywhere.sh' >build/test/beside.log 2>&1 &
    beside=$!
    trap '[ -z "$beside" ] || kill -- "-$beside" 2>/dev/null' EXIT
    trap 'exit 1' HUP INT TERM
fi
echo "== lint"
make --no-print-directory lint || failed=1
echo "== tests"
pytest $bed "$python" -m pytest -m "not system and not long" --numprocesses 4 --dist loadfile "$@" || failed=1
echo "== tests with real peers"
tools/bed.sh true
case $? in
0) pytest tools/bed.sh "$python" -m pytest -m "system and not long" "$@" || failed=1 ;;
77)
    echo "left out: every test with an access point (-m system); the tests above skipped what needs root"
    [ -z "${CI:-}${HOTSPOT_NO_SKIP:-}" ] || failed=1
    ;;
*) failed=1 ;;
esac
echo "== the newest packages, and the demo from a checkout elsewhere"
if [ -n "$beside" ]; then
    wait "$beside" || failed=1
    beside=
    cat build/test/beside.log
else
    echo "left out: it sets everything up anew (CI=true or tools/newest.sh and tools/anywhere.sh run it)"
fi
exit "$failed"
