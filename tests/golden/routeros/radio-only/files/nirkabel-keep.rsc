# Keeps what nirkabel-try.rsc has tried. Import it over a new connection: that shows that the router is still reached.
/system/scheduler
remove [find name="nirkabel-revert"]
remove [find name="nirkabel-boot"]
/file
remove [find name="nirkabel-before.backup"]
remove [find name="nirkabel-trying.txt"]
