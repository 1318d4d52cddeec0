#!/bin/sh
# Changes the configuration of an access point so that it comes back by itself. Runs under dash and busybox ash; needs
# flock, sha256sum, tar, grep, sed and tail, and no setsid, nohup, timeout, stat, diff or base64. Starting a program is
# what costs time on an access point, so that what is asked in every loop and of every file is read by the shell itself.
#
#   helper.sh observe               what is here; paths asked about stand in `paths` beside this file
#   helper.sh fetch                 tar of the files named in `paths`
#   helper.sh apply TX SECONDS [STAY]  check, snapshot, arm the watchdog, switch; answers before the switch has happened,
#                                   and stays up to STAY seconds to tell `applied PROOF` on the same connection
#   helper.sh confirm TX            waits for the switch, answers `applied PROOF`
#   helper.sh confirm TX PROOF      keep what was switched
#   helper.sh rollback TX           give up what was switched, at once
#   helper.sh recover               at boot, before the network: undo what nobody confirmed
#
# State, in $state (on flash; OpenWrt's /var is in memory, so there it stands below /etc):
#   current     manifest of the committed configuration (first lines: tx, digest)
#   pending     the same of a switched one that waits: tx, deadline (seconds of uptime), boot, digest, then the manifest.
#               `mv pending current` is the commit, `mv pending rolling` begins a rollback: exactly one of them wins.
#   rolling     a rollback under way; repeated until it is done
#   snap.TX/    what stood in the place of everything that TX touches
#   last        outcome of the last push, one line
# and in $run (RAM): stage.TX/, call.*/, lock, applied (the proof), failed (why), watchdog, worker (pids).

main() {
	umask 077
	export LC_ALL=C
	root=${NIRKABEL_ROOT:-}
	state=$root/var/lib/nirkabel
	run=$root/run/nirkabel
	if [ -f "$root/etc/openwrt_release" ]; then
		state=$root/etc/nirkabel/state
		run=$root/tmp/run/nirkabel
	fi
	verb=$1 tx=${2:-}
	stage=$run/stage.$tx
	case $tx in *[!0-9a-f]*) echo "result bad-payload transaction id"; exit 0 ;; esac
	[ -d "$state" ] && [ -d "$run" ] || mkdir -p "$state" "$run"
	case $verb in observe | fetch | confirm | rollback) stage=${0%/*} ;; esac # a folder of this contact alone
	case $verb in
	observe | fetch | apply | confirm | rollback) "do_$verb" "$@" ;;
	recover) do_recover ;;
	watch) watch ;;
	work) work ;;
	*) answer "bad-payload verb" ;;
	esac
}

# -- small tools -------------------------------------------------------------------------------------------------

answer() { # the result, and the end of this contact
	echo "result $*"
	rm -rf "$stage"
	exit 0
}

uptime() { read -r up _ </proc/uptime && up=${up%%.*}; }  # in $up
boot_id() { read -r boot </proc/sys/kernel/random/boot_id; } # in $boot
lock() { exec 9>"$run/lock" && flock 9 || answer "failed flock: $run/lock cannot be locked"; }
field() { # FILE NAME: a header line of current, pending or rolling; its value in $value, empty where there is none
	value=
	while read -r name rest; do
		case $name in
		"$2") value=$rest && return ;;
		nirkabel) return ;;
		esac
	done 2>/dev/null <"$1"
}
entries() { sed -n "s/^$2 //p" "$1" 2>/dev/null; } # the values of all lines of one kind
paths_of() { sed -n 's/^file [^ ]* [^ ]* [^ ]* //p' "$1" 2>/dev/null; }
stamps_of() { sed -n 's/^file \([^ ]* \)[^ ]* /\1/p' "$1" 2>/dev/null; } # as `stamps` tells them
pends() { field "$state/pending" tx && [ "$value" = "$tx" ]; }
alive() {
	pid=
	{ read -r pid <"$run/$1"; } 2>/dev/null
	[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && grep -q "helper" "/proc/$pid/cmdline"
}
lives() { # as alive; a process that is just starting has no command line for a moment
	for _ in 1 2 3; do
		alive "$1" && return
		[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 1
		pause
	done
	return 1
}
parents() { [ -d "${1%/*}" ] || (umask 022 && mkdir -p "${1%/*}"); }
note() { # on a full disk, where the one before stood
	echo "$*" >"$state/last.new" && mv "$state/last.new" "$state/last" || { rm -f "$state/last.new"; echo "$*" >"$state/last"; }
}

stamps() { # FOLDER: `SHA256 MODE PATH` of those files below it that lines on stdin end with; two programs for all of them
	below=$1
	set --
	while read -r line; do [ ! -f "$below${line##* }" ] || set -- "$@" "$below${line##* }"; done
	[ $# -gt 0 ] || return 0
	sums=$nl$(sha256sum "$@")$nl
	modes=$nl$(ls -ld "$@")$nl
	for file; do
		hash=${sums%%"  $file$nl"*}
		mode=${modes%%" $file$nl"*}
		[ "$mode" != "$modes" ] || mode=${modes%%" $file -> "*} # a link is never what was wanted
		hash=${hash##*"$nl"} mode=${mode##*"$nl"}
		mode=${mode%% *}
		echo "$hash ${mode%[.+@]} ${file#"$below"}"
	done
}
nl='
'

live_is() { # MANIFEST: whether every file stands as it says
	wanted=$(stamps_of "$1")
	[ "$(echo "$wanted" | stamps "$root")" = "$wanted" ]
}

kill_tree() { # PID and everything it started; stopped first, so that it starts no more
	kill -STOP "$1" 2>/dev/null
	for process in /proc/[0-9]*; do # without a program for each: there may be hundreds, on a slow processor
		{ read -r stat <"$process/stat"; } 2>/dev/null || continue
		parent=${stat##*) ? }
		[ "$parent" = "$stat" ] || [ "${parent%% *}" != "$1" ] || (kill_tree "${process#/proc/}")
	done
	kill -9 "$1" 2>/dev/null
}

bounded() { # COMMAND: its exit code; not 0 when it had to be stopped
	sh -c "$1" </dev/null >>"$run/reload.log" 2>&1 9>&- &
	child=$!
	(
		trap 'kill "$!" 2>/dev/null; exit' TERM # its sleep
		sleep "${NIRKABEL_RELOAD_SECONDS:-60}" &
		wait "$!"
		echo "not done in time: $1" >>"$run/reload.log"
		kill_tree "$child"
	) </dev/null >/dev/null 2>&1 9>&- &
	guard=$!
	wait "$child"
	code=$?
	kill "$guard" 2>/dev/null
	wait "$guard" 2>/dev/null
	return "$code"
}

pause() { sleep 0.2 2>/dev/null || sleep 1; } # some busybox sleeps know whole seconds only

# -- observe, fetch ----------------------------------------------------------------------------------------------

do_observe() {
	lock
	settle
	echo "helper 1"
	field "$state/current" digest
	echo "current $value"
	if [ -f "$state/pending" ]; then
		word=switching
		[ -f "$run/applied" ] && word=applied
		field "$state/pending" deadline
		uptime
		left=$((value - up))
		field "$state/pending" tx
		echo "pending $value $left $word"
	fi
	[ -f "$state/last" ] && echo "last $(cat "$state/last")"
	stamps_of "$state/current" | sed 's/^/committed /'
	{ paths_of "$state/current"; cat "$stage/paths"; } | sort -u | stamps "$root" | sed 's/^/live /'
	answer observed
}

do_fetch() {
	cd "$root/" || exit 1
	while read -r path; do [ -f ".$path" ] && echo ".$path"; done <"$stage/paths" >"$stage/there"
	if [ -s "$stage/there" ]; then
		# shellcheck disable=SC2046 # no path has a space in it, and busybox's tar need not know -T
		tar czf - $(cat "$stage/there")
	else
		tar czf - -C "$stage" there
	fi
	rm -rf "$stage"
	exit 0
}

# -- apply -------------------------------------------------------------------------------------------------------

do_apply() {
	seconds=$3
	case $seconds in '' | *[!0-9]*) answer "bad-payload seconds" ;; esac
	lock
	settle
	[ -f "$state/rolling" ] && answer "failed $(cat "$state/last")"
	field "$state/pending" tx
	[ -f "$state/pending" ] && answer "busy $value"
	verify_stage
	digest=$(sha256sum <"$stage/manifest")
	digest=${digest%% *}
	field "$state/current" digest
	if [ "$value" = "$digest" ] && live_is "$stage/manifest"; then
		field "$state/current" tx
		answer "insync $digest $value"
	fi
	validate
	snapshot && differences || answer "failed snapshot"
	tell
	arm
	echo "result armed $digest"
	exec 9>&- # others may ask, or confirm, from now on
	stay "${4:-0}"
	exit 0
}

stay() { # SECONDS: the proof as soon as the switch is done, as long as this connection lives; each second a sign of life
	steps=$(($1 * 5))
	while [ "$steps" -gt 0 ] && [ ! -f "$run/failed" ] && pends; do
		[ ! -f "$run/applied" ] || { proof && echo "applied $proof"; return; }
		steps=$((steps - 1))
		[ $((steps % 5)) -ne 0 ] || echo switching
		pause
	done
}

proof() { read -r proof <"$run/applied"; } # in $proof

verify_stage() { # the stage holds exactly what its manifest says
	read -r head <"$stage/manifest" && [ "$head" = "nirkabel 1" ] || answer "bad-payload manifest"
	[ -d "$stage/files" ] || answer "bad-payload files"
	paths_of "$stage/manifest" >"$stage/listed" || answer "failed no room in $run"
	find "$stage/files" -type f | sed "s|^$stage/files||" | sort >"$stage/found" || answer "failed no room in $run"
	cmp -s "$stage/listed" "$stage/found" || answer "bad-payload files differ from manifest"
	sed -n 's/^file \([^ ]*\) [^ ]* [^ ]* /\1  ./p' "$stage/manifest" | (cd "$stage/files" && sha256sum -c) >/dev/null 2>&1 ||
		answer "bad-payload sums"
}

validate() { # the access point's own tools read the staged files
	entries "$stage/manifest" check >"$stage/checks"
	while read -r check; do
		(cd "$stage/files" && sh -c "$check") >"$stage/check.log" 2>&1 </dev/null 9>&- ||
			answer "invalid $check: $(tail -n 3 "$stage/check.log" | tr '\n' ' ')"
	done <"$stage/checks"
}

snapshot() { # everything that will be written or removed, as it stands
	snap=$state/snap.$tx
	for old in "$state"/snap.*; do rm -rf "$old"; done
	mkdir -p "$snap/files" || return 1
	{ paths_of "$stage/manifest"; paths_of "$state/current"; } | sort -u >"$snap/touched"
	: >"$snap/present"
	while read -r path; do
		[ -f "$root$path" ] || continue
		parents "$snap/files$path"
		cp -p "$root$path" "$snap/files$path" && echo "$path" >>"$snap/present" || return 1
	done <"$snap/touched"
	cp "$stage/manifest" "$snap/manifest" && sync
}

differences() { # what the switch will write, and what it will remove
	stamps_of "$stage/manifest" >"$stage/wanted" &&
		stamps "$root" <"$stage/wanted" >"$stage/there" &&
		missing "$stage/wanted" "$stage/there" | sed 's/.* //' >"$stage/changed" || return 1
	paths_of "$state/current" >"$stage/paths.old"
	missing "$stage/paths.old" "$stage/listed" >"$stage/gone"
}

tell() { # the same to the controller, with what stands there now: `before BYTES` and as many of a tar.gz
	sed 's/^/writes /' "$stage/changed"
	[ ! -s "$stage/gone" ] || sed 's/^/removes /' "$stage/gone"
	if [ -s "$stage/changed" ] && [ -s "$snap/present" ]; then
		grep -Fx -f "$stage/changed" "$snap/present" >"$stage/replaced"
	fi
	if [ -s "$stage/replaced" ]; then
		# shellcheck disable=SC2046 # no path has a space in it
		tar czf "$stage/before" -C "$snap/files" $(sed 's/^/./' "$stage/replaced")
		echo "before $(wc -c <"$stage/before" | tr -d ' ')"
		cat "$stage/before"
		echo
		rm -f "$stage/before"
	fi
}

arm() { # from the moment `pending` stands, this configuration is undone unless it is confirmed
	install_recovery
	cmp -s "$0" "$state/helper.sh" || { # the one that undoes; flash is not written to without need
		cp "$0" "$state/helper.sh.new" && mv "$state/helper.sh.new" "$state/helper.sh"
	} || { rm -f "$state/helper.sh.new"; answer "failed no room for the helper"; }
	uptime
	boot_id
	rm -f "$run/applied" "$run/failed" "$run/worker" "$run/watchdog" "$run/reload.log"
	{
		echo "tx $tx"
		echo "deadline $((up + seconds))"
		echo "boot $boot"
		echo "digest $digest"
		cat "$stage/manifest"
	} >"$state/pending.new" || answer "failed no room for the manifest"
	sync
	mv "$state/pending.new" "$state/pending"
	sync
	detach watch watchdog
	lives watchdog || { rollback "the watchdog did not start"; answer "failed watchdog"; }
	detach work worker
}

detach() { # VERB PIDFILE: a process that outlives this connection
	(
		trap '' HUP
		NIRKABEL_ROOT=$root exec sh "$state/helper.sh" "$1" "$tx"
	) </dev/null >/dev/null 2>&1 9>&- &
	echo $! >"$run/$2"
}

install_recovery() { # a unit of our own, outside the managed files: it must stand before the first of them does
	[ ! -f "$root/etc/rc.common" ] || install_recovery_procd
	units=$root/etc/systemd/system
	[ -d "$units" ] || return 0
	cat >"$state/recover.unit" <<-UNIT
		[Unit]
		Description=Undo an access point configuration that was never confirmed
		DefaultDependencies=no
		RequiresMountsFor=/var/lib/nirkabel
		After=local-fs.target
		Before=network-pre.target nirkabel-net.service
		Wants=network-pre.target

		[Service]
		Type=oneshot
		ExecStart=/bin/sh /var/lib/nirkabel/helper.sh recover

		[Install]
		WantedBy=multi-user.target
	UNIT
	cmp -s "$state/recover.unit" "$units/nirkabel-recover.service" && return 0
	cp "$state/recover.unit" "$units/nirkabel-recover.service"
	chmod 644 "$units/nirkabel-recover.service"
	(umask 022 && mkdir -p "$units/multi-user.target.wants")
	ln -sf ../nirkabel-recover.service "$units/multi-user.target.wants/nirkabel-recover.service"
}

install_recovery_procd() { # OpenWrt: after the flash is mounted (S10boot), before the firewall and the network (S19, S20)
	cat >"$state/recover.init" <<-INIT
		#!/bin/sh /etc/rc.common
		# Undoes a configuration that was never confirmed
		START=12
		boot() {
		 	sh ${state#"$root"}/helper.sh recover
		}
		start() {
		 	:
		}
	INIT
	service=$root/etc/init.d/nirkabel-recover
	[ -L "$root/etc/rc.d/S12nirkabel-recover" ] && cmp -s "$state/recover.init" "$service" && return 0
	cp "$state/recover.init" "$service"
	chmod 755 "$service"
	(umask 022 && mkdir -p "$root/etc/rc.d")
	ln -sf ../init.d/nirkabel-recover "$root/etc/rc.d/S12nirkabel-recover"
}

# -- the worker: the switch itself -------------------------------------------------------------------------------

work() {
	if ! switch; then
		echo "its files could not be written" >"$run/failed" # the watchdog sees it and rolls back
	elif ! reload "$stage/manifest" "$stage/changed"; then
		echo "a reload failed: $(tail -n 2 "$run/reload.log" | tr '\n' ' ')" >"$run/failed"
	elif ! probe "$stage/manifest"; then
		echo "it does not work: $(tail -n 2 "$run/reload.log" | tr '\n' ' ')" >"$run/failed"
	else
		IFS=- read -r a b c d e </proc/sys/kernel/random/uuid # 122 random bits
		echo "$a$b$c$d$e" >"$run/applied.new"
		mv "$run/applied.new" "$run/applied"
		rm -rf "$stage"
	fi
}

switch() {
	manifest=$stage/manifest
	entries "$state/current" undo >"$stage/undo.old"
	entries "$manifest" undo >"$stage/undo.new"
	missing "$stage/undo.old" "$stage/undo.new" | while read -r gone; do bounded "$gone" || :; done
	entries "$manifest" file >"$stage/entries"
	changed=$nl$(cat "$stage/changed")$nl
	while read -r _ mode _ path; do
		case $changed in *"$nl$path$nl"*) ;; *) continue ;; esac
		parents "$root$path"
		cp "$stage/files$path" "$root$path.nirkabel-new" && chmod "$mode" "$root$path.nirkabel-new" || return 1
	done <"$stage/entries" || return 1
	sync
	while read -r path; do mv "$root$path.nirkabel-new" "$root$path" || return 1; done <"$stage/changed" || return 1
	while read -r path; do rm -f "$root$path"; done <"$stage/gone"
	cat "$stage/gone" >>"$stage/changed"
	sync
}

missing() { # the lines of the first file that the second lacks; an empty -f list matches all in busybox
	if [ -s "$2" ]; then grep -Fxv -f "$2" "$1" || :; else cat "$1"; fi
}

reload() { # MANIFEST CHANGED: the commands whose paths changed, or that name none
	entries "$1" reload >"$run/reloads"
	changed=$nl$(cat "$2")$nl
	while read -r paths command; do
		meant=
		while [ "$paths" != - ] && [ -n "$paths" ] && [ -z "$meant" ]; do
			case $changed in *"$nl${paths%%,*}$nl"*) meant=1 ;; esac
			case $paths in *,*) paths=${paths#*,} ;; *) paths= ;; esac
		done
		[ "$paths" = - ] || [ -n "$meant" ] || continue
		bounded "$command" || return 1
	done <"$run/reloads"
}

probe() { # MANIFEST: whether what is now in use does what it is for; services may take a while
	entries "$1" probe >"$run/probes"
	while read -r command; do
		tries=${NIRKABEL_PROBE_TRIES:-20}
		until bounded "$command"; do
			tries=$((tries - 1))
			[ "$tries" -gt 0 ] || { echo "$command" >>"$run/reload.log"; return 1; }
			sleep 1
		done
	done <"$run/probes"
}

# -- confirm, rollback, recovery ---------------------------------------------------------------------------------

do_confirm() {
	tries=40
	while [ "$tries" -gt 0 ] && [ ! -f "$run/applied" ] && pends; do
		tries=$((tries - 1))
		pause
	done
	lock
	settle
	field "$state/current" tx
	if [ "$value" = "$tx" ]; then # its answer was lost
		field "$state/current" digest
		answer "confirmed $value"
	fi
	pends || answer "refused $(cat "$state/last" 2>/dev/null || echo nothing is pending)"
	[ -f "$run/applied" ] || answer switching
	# A request that came in before the switch says nothing about the way back: only who has heard the proof, and
	# brings it over another connection, has shown that both ways are open now.
	proof
	[ -n "${3:-}" ] || answer "applied $proof"
	[ "$3" = "$proof" ] || answer "refused wrong proof"
	live_is "$state/pending" || answer "refused the files are not as the manifest says"
	field "$state/pending" deadline
	uptime
	[ "$up" -lt "$value" ] || answer "refused too late"
	mv "$state/pending" "$state/current" || answer "refused rolled back"
	note "$tx confirmed"
	sync
	alive watchdog && kill "$pid" 2>/dev/null
	rm -rf "$state/snap.$tx" "$run/applied" "$run/watchdog" "$run/worker"
	field "$state/current" digest
	answer "confirmed $value"
}

do_rollback() {
	lock
	pends || answer "refused nothing of $tx is pending"
	rollback "asked for"
	answer reverted
}

do_recover() { # nothing runs yet at boot: files only, the services start with what is restored
	lock
	booting=1
	[ -f "$state/pending" ] || [ -f "$state/rolling" ] || exit 0
	rollback "the access point restarted before the confirmation"
}

settle() { # whatever an earlier push left behind is brought to an end before anything else happens
	[ -f "$state/rolling" ] && rollback "a rollback was interrupted"
	[ -f "$state/pending" ] || return 0
	field "$state/pending" boot
	boot_id
	if [ "$value" != "$boot" ]; then
		rollback "the access point restarted before the confirmation"
	elif ! lives watchdog; then
		rollback "its watchdog was dead"
	fi
}

watch() { # waits for the deadline or for a failed worker; the confirmation ends it
	while pends; do
		reason=
		field "$state/pending" deadline
		uptime
		[ "$up" -ge "${value:-0}" ] && reason="not confirmed in time"
		[ -f "$run/failed" ] && reason="$(cat "$run/failed")" && reason=${reason:-it could not be switched to}
		if [ -n "$reason" ]; then
			lock
			pends && rollback "$reason"
			exit 0
		fi
		sleep 1
	done
}

rollback() { # REASON; under the lock. Can be repeated at any point: `rolling` goes last
	# A subshell keeps the variables of the transaction that found the remains.
	(
		[ -f "$state/rolling" ] || mv "$state/pending" "$state/rolling" || exit 1
		field "$state/rolling" tx
		old=$value
		snap=$state/snap.$old
		stop_worker
		rm -rf "$run/back" && mkdir -p "$run/back"
		entries "$state/current" undo >"$run/back/undo.old"
		entries "$state/rolling" undo >"$run/back/undo.new"
		if [ -z "${booting:-}" ]; then
			missing "$run/back/undo.new" "$run/back/undo.old" | while read -r gone; do bounded "$gone" || :; done
		fi
		while read -r path; do
			rm -f "$root$path.nirkabel-new"
			if grep -Fxq "$path" "$snap/present"; then
				parents "$root$path"
				cp -p "$snap/files$path" "$root$path.nirkabel-new" && mv "$root$path.nirkabel-new" "$root$path" ||
					rm -f "$root$path.nirkabel-new" # half of it, on a full disk
				cmp -s "$snap/files$path" "$root$path" || echo "$path" >>"$run/back/bad"
			else
				rm -f "$root$path"
			fi
		done <"$snap/touched"
		sync
		if [ -s "$run/back/bad" ]; then # a full disk, say: `rolling` stays, and the next contact tries again
			note "$old not restored: $(tr '\n' ' ' <"$run/back/bad")"
			exit 1
		fi
		if [ -z "${booting:-}" ]; then
			if [ -f "$state/current" ]; then
				reload "$state/current" "$snap/touched"
			else
				entries "$state/rolling" restored | while read -r command; do bounded "$command" || :; done
			fi
		fi
		note "$old reverted: $1"
		rm -f "$state/rolling" "$run/applied" "$run/failed"
		sync
		rm -rf "$snap" "$run/back" "$run/stage.$old"
	)
}

stop_worker() {
	lives worker && kill_tree "$pid"
	rm -f "$run/worker"
}

main "$@"
