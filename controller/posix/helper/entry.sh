#!/bin/sh
# All that sudo lets the controller's account run as root: one request, which is the first line of stdin.
#
#   facts | start | reboot | locate SECONDS     fixed texts below
#   helper VERB [TX [ARGUMENT...]]              the rest of stdin is what the helper works on, and the helper itself, which
#                                               must be the one whose SHA-256 root has left beside this file; what is
#                                               pushed must be signed by the key in `allowed_signers` there
#   exec                                        the rest of stdin is a command; only where root has left a file `exec` there
#
# Every request is in the log, and answered by a line `result …`. Debian alone: it needs GNU tar and find.

set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
umask 077
root=@ROOT@
here=$root/usr/local/lib/nirkabel-entry
run=$root/run/nirkabel

answer() {
	[ -z "${stage:-}" ] || rm -rf "$stage"
	echo "result $*"
	exit 0
}

told() { logger -t nirkabel-entry -- "${SUDO_USER:-root}: $*" 2>/dev/null || :; }

main() {
	read -r line || answer "bad-payload request"
	case $line in *[!0-9a-z\ ]*) answer "bad-payload request" ;; esac
	told "$line"
	# shellcheck disable=SC2086 # its words, in which nothing stands for a file's name
	set -- $line
	case ${1:-} in
	facts | start | reboot) [ $# -eq 1 ] || answer "bad-payload request" ;;
	esac
	case ${1:-} in
	facts) facts ;;
	start) start ;;
	reboot) reboot_soon ;;
	locate)
		case ${2:-} in '' | *[!0-9]* | ?????*) answer "bad-payload seconds" ;; esac
		seconds=$2
		locate
		;;
	helper)
		shift
		helper "$@"
		;;
	exec) free ;;
	*) answer "bad-payload request" ;;
	esac
}

# -- what is asked: the texts that are sent where root logs in itself ----------------------------------------------

facts() {
	@FACTS@
}

start() {
	@START@
}

reboot_soon() {
	@REBOOT@
}

locate() {
	@LOCATE@
}

free() {
	[ -f "$here/exec" ] || answer "refused exec"
	command=$(cat)
	told "exec: $(printf %s "$command" | tr '\000-\037' ' ')"
	sh -c "$command" </dev/null 2>&1
	code=$?
	echo
	echo "result exit $code"
}

# -- what is pushed ------------------------------------------------------------------------------------------------

helper() { # VERB [TX [ARGUMENT...]]
	case ${1:-} in
	observe | fetch | confirm | rollback | apply) ;;
	*) answer "bad-payload verb" ;;
	esac
	for word in "${2:-}" "${3:-}" "${4:-}"; do
		case $word in *[!0-9a-f]*) answer "bad-payload arguments" ;; esac
	done
	mkdir -p "$run"
	if [ "$1" = apply ]; then
		tx=${2:-}
		[ "${#tx}" -ge 16 ] && [ "${#tx}" -le 64 ] || answer "bad-payload transaction id"
		# Where its worker looks for it. Who comes second with the same id must not take it away from the first.
		mkdir "$run/stage.$tx" 2>/dev/null || answer "busy $tx"
		stage=$run/stage.$tx
	else
		stage=$(mktemp -d "$run/call.XXXXXX") || answer "failed no room in $run"
	fi
	tar xzf - --no-same-owner --no-same-permissions -C "$stage" 2>/dev/null || answer damaged
	[ -z "$(find "$stage" \( ! -type f ! -type d -o -perm /7000 \) 2>&1)" ] || answer "bad-payload files"
	{ read -r wanted <"$here/helper.sha256"; } 2>/dev/null
	[ "$(sha256sum <"$stage/helper.sh")" = "${wanted:-}  -" ] ||
		answer "failed root has let in another helper there: run what \`hotspot keys account\` prints, as root"
	{
		[ ! -f "$stage/paths" ] || cat "$stage/paths"
		[ ! -f "$stage/manifest" ] || sed -n 's/^file [^ ]* [^ ]* [^ ]* //p' "$stage/manifest"
	} >"$stage/asked"
	while read -r path; do
		ours "$path" || answer "invalid $path is no file that is managed there"
	done <"$stage/asked"
	rm -f "$stage/asked"
	[ "$1" != apply ] || signed ||
		answer "failed root has let in another signature there: run what \`hotspot keys account\` prints, as root"
	NIRKABEL_ROOT=$root exec sh "$stage/helper.sh" "$@"
}

signed() { # the manifest, by the installation's key, which is not the one that logs in
	ssh-keygen -Y verify -f "$here/allowed_signers" -I nirkabel -n nirkabel-push -s "$stage/signature" \
		<"$stage/manifest" >/dev/null 2>&1
}

ours() { # PATH
	case $1 in
	*/../* | */.. | */./*) return 1 ;;
	/etc/nirkabel/?* | /usr/local/lib/nirkabel/?* | /var/lib/nirkabel/current | /etc/opennds/opennds.conf) ;;
	/etc/systemd/system/nirkabel-?*.service | /etc/systemd/system/dnsmasq.service) ;;
	/etc/systemd/system/opennds.service.d/?*.conf) ;;
	*) return 1 ;;
	esac
}

main
