# Keeps what nirkabel-try.rsc has tried. Import it over a new connection: that shows that the router is still reached.
/system/scheduler
remove [find name="nirkabel-revert"]
remove [find name="nirkabel-boot"]
remove [find name="nirkabel-trying"]
/file
remove [find name="nirkabel-before.backup"]
