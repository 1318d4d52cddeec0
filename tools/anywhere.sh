#!/bin/sh
# anywhere.sh: runs the demo as a newcomer does, from a checkout of its own in the user's home, in a folder with a space
# in its name, reached through a symbolic link. Python packages are set up anew; Debian's are those that are here.
set -eu
cd -P "$(dirname "$0")/.."
place=$(mktemp -d "$HOME/nirkabel elsewhere.XXXXXX")
link=$(mktemp -d)
trap 'rm -rf "$place" "$link"' EXIT
trap 'exit 1' HUP INT TERM

git ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from - --ignore-failed-read | tar --extract --directory "$place"
mkdir "$place/build"
if [ -d build/peers ]; then
    cp -al build/peers "$place/build" 2>/dev/null || cp -a build/peers "$place/build" # links cost nothing
fi
ln -s "$place" "$link/nirkabel"
cd "$link/nirkabel"
make --no-print-directory demo ONCE=1
grep -q '"passed": true' build/demo/demo.json
