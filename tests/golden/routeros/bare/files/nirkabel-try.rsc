# Tries nirkabel.rsc: 180 s from now, or at its next start, the router goes back to all that it had before, unless
# nirkabel-keep.rsc is imported until then. The first line fails where a try is under way already: its name is taken.
/system/scheduler
add name="nirkabel-trying" start-time=startup on-event="/system/scheduler remove \5Bfind name=\"nirkabel-trying\"\5D"
/system/backup
save name="nirkabel-before" dont-encrypt=yes
/system/scheduler
add name="nirkabel-revert" interval=180s on-event="/system/backup load name=\"nirkabel-before\" password=\"\""
add name="nirkabel-boot" start-time=startup on-event="/system/backup load name=\"nirkabel-before\" password=\"\""
/import file-name="nirkabel.rsc"
