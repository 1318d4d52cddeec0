# Managed by Nirkabel for bare. Each import makes anew what carries the comment or the name "nirkabel", and leaves
# the rest alone; run it as often as you like.
/system/identity
set name="bare"
/system/clock
set time-zone-autodetect=no time-zone-name="Asia/Jakarta"

# -- what an earlier import made goes, the newest first
/queue/simple
remove [find comment="nirkabel"]
/ip/hotspot/walled-garden/ip
remove [find comment="nirkabel"]
/ip/hotspot/walled-garden
remove [find comment="nirkabel"]
/ip/hotspot
remove [find name="nirkabel"]
/ip/hotspot/profile
remove [find name="nirkabel"]
/radius
remove [find comment="nirkabel"]
/ip/dhcp-server
remove [find name="nirkabel"]
/ip/dhcp-server/network
remove [find comment="nirkabel"]
/ip/dhcp-server/option
remove [find name="nirkabel-114"]
/ip/pool
remove [find name="nirkabel"]
/ip/firewall/raw
remove [find comment="nirkabel"]
/ip/firewall/nat
remove [find comment="nirkabel"]
/ip/firewall/address-list
remove [find comment="nirkabel"]
/interface/bridge/filter
remove [find comment="nirkabel"]
/interface/bridge/port
remove [find comment="nirkabel"]
/interface/list/member
remove [find comment="nirkabel"]
/interface/wifi
remove [find comment="nirkabel"]
/ip/address
remove [find comment="nirkabel"]
/interface/vlan
remove [find comment="nirkabel"]
/interface/bridge
remove [find comment="nirkabel"]

# -- where people are: a bridge for guests, one for each VLAN; those that are kept apart have no IPv6, and no way on the
# bridge but to this router or to their VLAN
/interface/bridge
/interface/vlan
/interface/bridge/port
/interface/bridge/filter

# -- the radios
/interface/wifi
