# Managed by Nirkabel for gate-1. Each import makes anew what carries the comment or the name "nirkabel", and leaves
# the rest alone; run it as often as you like.
/system/identity
set name="gate-1"
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
add name="nirkabel" protocol-mode=none comment="nirkabel"
add name="br-vlan30" protocol-mode=none comment="nirkabel"
/interface/vlan
add name="vlan30" interface="ether1" vlan-id=30 comment="nirkabel"
/interface/bridge/port
add bridge="br-vlan30" interface="vlan30" comment="nirkabel"
add bridge="nirkabel" interface="ether2" horizon=1 hw=no comment="nirkabel"
/interface/bridge/filter
add chain=input in-bridge="nirkabel" mac-protocol=ipv6 action=drop comment="nirkabel"
add chain=forward in-bridge="nirkabel" action=drop comment="nirkabel"

# -- the radios
/interface/wifi
set [find default-name="wifi1"] configuration.country=Indonesia configuration.tx-power=20 channel.frequency=5180 channel.width=20/40/80mhz configuration.mode=ap configuration.ssid="Wifi \"Emas\" \$1 \5Bx\5D \C3\A9\\" security.authentication-types="" security.passphrase="" datapath.bridge="nirkabel" datapath.client-isolation=yes disabled=no
add name="wifi1-1" master-interface="wifi1" comment="nirkabel" configuration.mode=ap configuration.ssid="Guru" security.authentication-types="wpa2-psk,wpa3-psk" security.passphrase="env-guru-0123456789abcdef" datapath.bridge="br-vlan30" datapath.client-isolation=no disabled=no
set [find default-name="wifi2"] configuration.country=Indonesia channel.frequency=2437 channel.width=20mhz configuration.mode=ap configuration.ssid="Wifi \"Emas\" \$1 \5Bx\5D \C3\A9\\" security.authentication-types="" security.passphrase="" datapath.bridge="nirkabel" datapath.client-isolation=yes disabled=no

# -- the guests' network
/ip/address
add address=10.211.0.1/24 interface="nirkabel" comment="nirkabel"
/ip/pool
add name="nirkabel" ranges=10.211.0.2-10.211.0.254
/ip/dhcp-server/option
add name="nirkabel-114" code=114 value="'https://api.example.go.id/api\3Fx=1'"
/ip/dhcp-server/network
add address=10.211.0.0/24 gateway=10.211.0.1 dns-server=10.211.0.1 dhcp-option="nirkabel-114" comment="nirkabel"
/ip/dhcp-server
add name="nirkabel" interface="nirkabel" address-pool="nirkabel" lease-time=1h disabled=no
/ip/dns
set allow-remote-requests=yes servers=9.9.9.9,149.112.112.112

# -- guests reach of this router DHCP, DNS and the Hotspot, and of private networks the portal alone
/interface/list/member
:do { add list=LAN interface="nirkabel" comment="nirkabel" } on-error={ }
/ip/firewall/address-list
add list="nirkabel-private" address=10.0.0.0/8 comment="nirkabel"
add list="nirkabel-private" address=100.64.0.0/10 comment="nirkabel"
add list="nirkabel-private" address=169.254.0.0/16 comment="nirkabel"
add list="nirkabel-private" address=172.16.0.0/12 comment="nirkabel"
add list="nirkabel-private" address=192.168.0.0/16 comment="nirkabel"
add list="nirkabel-private" address=224.0.0.0/4 comment="nirkabel"
add list="nirkabel-private" address=240.0.0.0/4 comment="nirkabel"
/ip/firewall/raw
add chain=prerouting in-interface="nirkabel" protocol=udp dst-port=67 action=accept comment="nirkabel"
add chain=prerouting in-interface="nirkabel" protocol=udp dst-port=53 action=accept comment="nirkabel"
add chain=prerouting in-interface="nirkabel" protocol=tcp dst-port=53 action=accept comment="nirkabel"
add chain=prerouting in-interface="nirkabel" protocol=tcp dst-port=853 action=drop comment="nirkabel"
add chain=prerouting in-interface="nirkabel" protocol=tcp dst-address=10.211.0.1 dst-port=80,443,64872-64875 action=accept comment="nirkabel"
add chain=prerouting in-interface="nirkabel" protocol=tcp dst-address=203.0.113.10 dst-port=443 action=accept comment="nirkabel"
add chain=prerouting in-interface="nirkabel" dst-address=203.0.113.64/28 action=accept comment="nirkabel"
add chain=prerouting in-interface="nirkabel" dst-address=10.20.6.2 action=drop comment="nirkabel"
add chain=prerouting in-interface="nirkabel" dst-address=10.20.7.2 action=drop comment="nirkabel"
add chain=prerouting in-interface="nirkabel" dst-address=10.20.7.3 action=drop comment="nirkabel"
add chain=prerouting in-interface="nirkabel" dst-address-type=local action=drop comment="nirkabel"
add chain=prerouting in-interface="nirkabel" dst-address-list="nirkabel-private" action=drop comment="nirkabel"
/ip/firewall/nat
add chain=srcnat src-address=10.211.0.0/24 out-interface="ether1" action=masquerade comment="nirkabel"
add chain=dstnat in-interface="nirkabel" protocol=udp dst-port=53 action=redirect comment="nirkabel"
add chain=dstnat in-interface="nirkabel" protocol=tcp dst-port=53 action=redirect comment="nirkabel"

# -- the Hotspot, which asks our RADIUS
/radius
add service=hotspot address=203.0.113.11 authentication-port=1812 accounting-port=1813 timeout=3s secret="env-gate_radius-0123456789abcdef" comment="nirkabel"
add service=hotspot address=203.0.113.12 authentication-port=1812 accounting-port=1813 timeout=3s secret="env-gate_radius-0123456789abcdef" comment="nirkabel"
/radius/incoming
set accept=yes port=3799
/ip/hotspot/profile
add name="nirkabel" hotspot-address=10.211.0.1 dns-name="login.wifi.test" html-directory="nirkabel-7e78b935" login-by=http-chap use-radius=yes radius-accounting=yes radius-interim-update=300s nas-port-type=wireless-802.11
/ip/hotspot
add name="nirkabel" interface="nirkabel" address-pool="nirkabel" profile="nirkabel" addresses-per-mac=1 idle-timeout=600s disabled=no
/ip/hotspot/walled-garden/ip
add server="nirkabel" action=accept protocol=tcp dst-address=203.0.113.10 dst-port=443 comment="nirkabel"
add server="nirkabel" action=accept dst-address=203.0.113.64/28 comment="nirkabel"
/ip/hotspot/walled-garden
add server="nirkabel" action=allow dst-host="wifi.example.go.id" comment="nirkabel"
add server="nirkabel" action=allow dst-host="*.wifi.example.go.id" comment="nirkabel"
add server="nirkabel" action=allow dst-host="layanan.example.go.id" comment="nirkabel"
add server="nirkabel" action=allow dst-host="*.layanan.example.go.id" comment="nirkabel"
/queue/simple
add name="nirkabel" target="nirkabel" max-limit=0/50000000 comment="nirkabel"
