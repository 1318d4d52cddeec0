# Managed by Nirkabel for radio-only. Each import makes anew what carries the comment or the name "nirkabel", and leaves
# the rest alone; run it as often as you like.
/system/identity
set name="radio-only"
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
add name="br-vlan30" protocol-mode=none comment="nirkabel"
add name="br-vlan40" protocol-mode=none comment="nirkabel"
/interface/vlan
add name="vlan30" interface="ether1" vlan-id=30 comment="nirkabel"
add name="vlan40" interface="ether1" vlan-id=40 comment="nirkabel"
/interface/bridge/port
add bridge="br-vlan30" interface="vlan30" comment="nirkabel"
add bridge="br-vlan40" interface="vlan40" comment="nirkabel"
/interface/bridge/filter
add chain=input in-bridge="br-vlan40" mac-protocol=ipv6 action=drop comment="nirkabel"
add chain=forward in-bridge="br-vlan40" mac-protocol=ipv6 action=drop comment="nirkabel"
add chain=forward in-bridge="br-vlan40" in-interface="vlan40" action=accept comment="nirkabel"
add chain=forward in-bridge="br-vlan40" out-interface="vlan40" action=accept comment="nirkabel"
add chain=forward in-bridge="br-vlan40" action=drop comment="nirkabel"

# -- the radios
/radius
add service=wireless address=10.1.0.5 authentication-port=1812 accounting-port=1813 secret="env-pegawai-0123456789abcdef" comment="nirkabel"
add service=wireless address=10.1.0.6 authentication-port=1814 secret="env-pegawai-0123456789abcdef" comment="nirkabel"
/interface/wifi
set [find default-name="wifi1"] configuration.country=Indonesia channel.width=20mhz configuration.mode=ap configuration.ssid="Guru" security.authentication-types="wpa2-psk,wpa3-psk" security.passphrase="env-guru-0123456789abcdef" datapath.bridge="br-vlan30" datapath.client-isolation=no disabled=no
add name="wifi1-1" master-interface="wifi1" comment="nirkabel" configuration.mode=ap configuration.ssid="Pegawai" security.authentication-types="wpa3-eap" security.passphrase="" datapath.bridge="br-vlan40" datapath.client-isolation=yes disabled=no
set [find default-name="wifi2"] configuration.country=Indonesia channel.width=20mhz configuration.mode=ap configuration.ssid="Pegawai" security.authentication-types="wpa3-eap" security.passphrase="" datapath.bridge="br-vlan40" datapath.client-isolation=yes disabled=no
