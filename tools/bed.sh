#!/bin/sh
# bed.sh COMMAND...: runs a command as root of a small world of its own, and leaves nothing behind.
#
# The world has its own processes, mounts and network (loopback only), an empty /run and /tmp, a copy of /etc to
# write to, and the packages of build/peers at their usual places. A plain user is mapped to root in it.
# Exit code: the command's; 77 where the system forbids such worlds.
set -eu
cd -P "$(dirname "$0")/.." # without symbolic links, of which one in /tmp would be gone
top=$PWD

furnish() {
    mount --rbind "$top" /mnt # before anything is laid over where it is
    mount -t tmpfs -o mode=755 run /run
    mkdir -p /run/lock /run/bed/top /run/bed/etc
    mount --move /mnt /run/bed/top
    mount -t tmpfs -o mode=1777 tmp /tmp
    cp -a /etc/. /run/bed/etc 2>/dev/null || : # what a plain user may not read is not needed
    if [ -d /run/bed/top/build/peers/usr ]; then
        cp -a /run/bed/top/build/peers/etc/. /run/bed/etc
        mount -t overlay -o lowerdir=/run/bed/top/build/peers/usr:/usr usr /usr
    fi
    if one_user || ! grep -q '^sshd:' /etc/passwd; then # sshd gives up root for this one: here that is root again
        { grep -v '^sshd:' /etc/passwd; echo 'sshd:x:0:0::/run/sshd:/usr/sbin/nologin'; } >/run/bed/passwd
        cp /run/bed/passwd /run/bed/etc/passwd
        chmod 644 /run/bed/etc/passwd
    fi
    if [ ! -e /run/bed/etc/shadow ]; then echo 'root:*:::::::' >/run/bed/etc/shadow; fi # without it root counts as locked
    mount --bind /run/bed/etc /etc
    if [ "$(inode "$top")" != "$(inode /run/bed/top)" ]; then # it was in /tmp, /run or /usr
        mkdir -p "$top"
        mount --rbind /run/bed/top "$top"
    fi
    ip link set lo up
}

one_user() { grep -qx deny /proc/self/setgroups; } # a plain user's world

inode() { stat -c %d:%i "$1" 2>/dev/null || :; }

if [ "${1:-}" = --inside ]; then
    shift
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    export TMPDIR=/tmp # the one folder that is always laid out anew, whatever the user's is
    umask 022          # services here give up root, and read what was made before
    furnish
    cd "$top"
    if one_user; then
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
        exec unshare $user $world "$top/tools/bed.sh" --inside "$@"
    fi
done
echo "This system forbids user namespaces (or this container lacks CAP_SYS_ADMIN); what needs a network of its own is left out." >&2
exit 77
