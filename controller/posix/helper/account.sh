# Lets the controller work as @USER@: run as root on a Debian access point, as often as you like.
set -eu
umask 022
home=/var/lib/nirkabel-login
here=/usr/local/lib/nirkabel-entry
for program in visudo ssh-keygen; do
	if command -v $program >/dev/null; then continue; fi
	echo "$program is missing: apt install --no-install-recommends sudo openssh-client" >&2
	exit 1
done
id @USER@ >/dev/null 2>&1 || useradd --system --create-home --home-dir "$home" --shell /bin/sh @USER@
home=$(getent passwd @USER@ | cut -d: -f6)
install -d -m 700 -o @USER@ -g @USER@ "$home/.ssh"
[ -f "$home/.ssh/authorized_keys" ] || install -m 600 -o @USER@ -g @USER@ /dev/null "$home/.ssh/authorized_keys"
grep -Fq '@KEY@' "$home/.ssh/authorized_keys" || echo 'restrict @KEY@' >>"$home/.ssh/authorized_keys"
install -d -m 755 -o root -g root "$here"
cat >"$here/entry.new" <<'END_OF_ENTRY'
@ENTRY@
END_OF_ENTRY
chmod 755 "$here/entry.new"
echo @HELPER@ >"$here/helper.sha256.new"
echo '@SIGNER@' >"$here/allowed_signers"
echo '@USER@ ALL=(root) NOPASSWD: @PROGRAM@ ""' >"$here/sudoers.new"
chmod 440 "$here/sudoers.new"
visudo -cqf "$here/sudoers.new"
mv "$here/helper.sha256.new" "$here/helper.sha256"
mv "$here/entry.new" "$here/entry"
install -d -m 750 /etc/sudoers.d
mv "$here/sudoers.new" /etc/sudoers.d/nirkabel
