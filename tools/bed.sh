#!/bin/sh
# bed.sh COMMAND...: runs a command as root of a small world of its own, and leaves nothing behind.
#
# The world has its own processes, mounts and network (loopback only), an empty /run and /tmp, a copy of /etc to
# write to, and the packages of build/peers at their usual places. A plain user is mapped to root in it.
# Exit code: the command's; 77 where the system forbids such worlds.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)

furnish() {
    mount -t tmpfs -o mode=755 run /run
    mkdir -p /run/lock /run/bed/top /run/bed/etc
    mount --bind "$top" /run/bed/top
    mount -t tmpfs -o mode=1777 tmp /tmp
    if [ ! -d "$top" ]; then # it was in /tmp
        mkdir -p "$top"
        mount --bind /run/bed/top "$top"
    fi
    cp -a /etc/. /run/bed/etc 2>/dev/null || : # what a plain user may not read is not needed
    if [ -d "$top/build/peers/usr" ]; then
        cp -a "$top/build/peers/etc/." /run/bed/etc
        mount -t overlay -o lowerdir=/run/bed/top/build/peers/usr:/usr usr /usr
    fi
    mount --bind /run/bed/etc /etc
    ip link set lo up
}

if [ "${1:-}" = --inside ]; then
    shift
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    furnish
    cd "$top"
    if grep -qx deny /proc/self/setgroups; then # a plain user's world
        set -- python3 "$top/tools/pretend.py" "$@"
    fi
    "$@" # not exec: this shell stays process 1 and gathers the orphans
    exit
fi

[ $# -gt 0 ] || { echo "usage: tools/bed.sh COMMAND..." >&2; exit 2; }
world="--mount --net --pid --fork --mount-proc --kill-child --propagation private"
for user in "" "--map-root-user"; do
    [ "$(id -u)" = 0 ] || [ -n "$user" ] || continue
    # shellcheck disable=SC2086 # lists of words
    if unshare $user $world true 2>/dev/null; then
        exec unshare $user $world "$0" --inside "$@"
    fi
done
echo "This system forbids user namespaces (or this container lacks CAP_SYS_ADMIN); what needs a network of its own is left out." >&2
exit 77
