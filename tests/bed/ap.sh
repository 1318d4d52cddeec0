#!/bin/sh
# ap.sh FOLDER: the first process of an access point of tests/bed/ap.py, in namespaces of its own.
#
# FOLDER holds what it needs: authorized_keys, host_key, systemctl, and an empty `over`. Wherever that is (in /root, /run,
# /tmp): /mnt shows it while other things are laid over these.
set -e
mount --rbind "$1" /mnt
mount -t tmpfs t /mnt/over
n=0
also=
if grep -qx deny /proc/self/setgroups; then also=,userxattr; fi # in a plain user's namespace
for folder in /etc /usr/bin; do
	n=$((n + 1))
	o=/mnt/over/$n
	mkdir -p $o/up $o/work $o/merged
	mount -t overlay o -o "lowerdir=$folder,upperdir=$o/up,workdir=$o/work$also" $o/merged
	mount --bind $o/merged $folder
done
mount -t tmpfs -o mode=755 t /run
mount -t tmpfs -o mode=700 t /root
for folder in /var/lib /usr/local; do # what this machine has there is not the access point's
	mount -t tmpfs -o mode=755 t $folder
done
mkdir -p /var/lib/misc /root/.ssh /run/dropbear
rm -f /usr/bin/systemctl /etc/resolv.conf
cp /mnt/systemctl /usr/bin/systemctl
chmod 755 /usr/bin/systemctl
echo "nameserver 10.199.0.1" >/etc/resolv.conf
cp /mnt/authorized_keys /root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
cp /mnt/host_key /run/dropbear/host_key
cd /
umount -l /mnt
mount -t tmpfs -o mode=1777 t /tmp
dropbear -F -E -s -r /run/dropbear/host_key -p 22 &
wait
