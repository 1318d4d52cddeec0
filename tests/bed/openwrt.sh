#!/bin/sh
# openwrt.sh FOLDER: the first process of an access point of tests/bed/openwrt.py, in namespaces of its own. FOLDER holds
# its root file system (`root`), authorized_keys and host_key.
set -e
folder=$1
root=$1/root
mount --bind "$root" "$root"
also=
if grep -qx deny /proc/self/setgroups; then also=,userxattr; fi # in a plain user's namespace
cd "$folder"
mkdir -p lib/up lib/work # what is pushed to /usr/lib is on its flash, and never this machine's
mount -t overlay o -o "lowerdir=/usr/lib,upperdir=lib/up,workdir=lib/work$also" "$root/usr/lib"
if [ -d /usr/lib64 ]; then mount --bind /usr/lib64 "$root/usr/lib64"; fi
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 t "$root/tmp"
mkdir -p "$root/tmp/standin" "$root/root/.ssh"
if [ ! -e "$root/root/.ssh/authorized_keys" ]; then
	cp "$folder/authorized_keys" "$root/root/.ssh/authorized_keys"
fi
chmod 600 "$root/root/.ssh/authorized_keys"
chmod 700 "$root/root" "$root/root/.ssh"
cp "$folder/host_key" "$root/tmp/standin/host_key"
cd "$root"
pivot_root . old
PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd /
umount -l /old
for script in /etc/rc.d/S*; do
	if [ -e "$script" ]; then "$script" boot; fi
done
dropbear -F -E -s -r /tmp/standin/host_key -p 22 &
wait
