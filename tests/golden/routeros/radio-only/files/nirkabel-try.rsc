# Tries nirkabel.rsc: 180 s from now, or at its next start, the router goes back to all that it had before, unless
# nirkabel-keep.rsc is imported until then. The first line fails where a try is under way already.
/file
add name="nirkabel-trying.txt" contents="radio-only"
/system/backup
save name="nirkabel-before" dont-encrypt=yes
/system/scheduler
add name="nirkabel-revert" interval=180s on-event="/file/remove \"nirkabel-trying.txt\"; /system/backup/load name=\"nirkabel-before\" password=\"\""
add name="nirkabel-boot" start-time=startup on-event="/file/remove \"nirkabel-trying.txt\"; /system/backup/load name=\"nirkabel-before\" password=\"\""
/import file-name="nirkabel.rsc"
