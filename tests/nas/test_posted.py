"""Gateways whose phones log in with a form: redirects as their documentation shows them, and what they are sent."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

import pytest

from hotspot.errors import PeerError, RequestError
from hotspot.nas import POSTED_DIALECTS, meraki, omada, opnsense, pfsense, ruckus
from hotspot.nas.arrival import Stage
from hotspot.nas.told import Account

LANDING = "https://wifi.example.go.id/s/abc"
MAC = "02:aa:00:00:09:01"
ARUBA = (
    "cmd=login&mac=02:aa:00:00:09:01&essid=WiFi%20Gratis&ip=10.5.0.9&apname=ap1"
    "&apmac=20%3A4c%3A03%3A11%3A22%3A33&vcname=vc&switchip=securelogin.arubanetworks.com"
    "&url=http%3A%2F%2Fexample.com%2F"
)
INSTANT_ON = (
    "cmd=login&mac=02:aa:00:00:09:01&network=WiFi&ip=10.5.0.9&apmac=20:4c:03:11:22:33&site=x&post=evil.example"
    "&url=http%3A%2F%2Fexample.com"
)
CISCO = (
    "switch_url=https%3A%2F%2F1.1.1.1%2Flogin.html&ap_mac=00:3a:7d:11:22:30&client_mac=02:aa:00:00:09:01"
    "&wlan=WiFi&redirect=example.com/"
)
ZONE_DIRECTOR = (
    "sip=10.6.0.2&mac=c08adeaabbcc&client_mac=02aa00000901&uip=10.6.1.9&lid=&dn=&url=http%3A%2F%2Fexample.com"
    "&ssid=WiFi&loc=4a6c&vlan=1"
)
SMART_ZONE = (
    "nbiIP=10.6.0.3&client_mac=02:AA:00:00:09:01&uip=10.6.1.9&domain_name=&reason=Un-Auth-Captive"
    "&wlanName=WiFi&dn=x&ssid=WiFi&mac=c0:8a:de:aa:bb:cc&url=http%3A%2F%2Fexample.com&proxy=0&vlan=1&wlan=3"
    "&sip=x&zoneName=z"
)
CAMBIUM = (
    "ga_ssid=WiFi&ga_ap_mac=00-04-56-AA-BB-CC&ga_nas_id=nas&ga_srvr=10.7.0.2&ga_cmac=02-AA-00-00-09-01"
    "&ga_cip=10.7.1.9&ga_Qv=eUROBR86HQ&ga_orig_url=http%3A%2F%2Fexample.com"
)
MERAKI = (
    "login_url=https%3A%2F%2Fn143.network-auth.com%2Fsplash%2Flogin%3Fmauth%3DMMabc"
    "&continue_url=http%3A%2F%2Fexample.com&ap_mac=00:18:0a:13:dd:b0&ap_name=a&ap_tags="
    "&client_mac=02:aa:00:00:09:01&client_ip=10.8.1.9"
)
MERAKI_CLICK = (
    "base_grant_url=https%3A%2F%2Fn143.network-auth.com%2Fsplash%2Fgrant&user_continue_url=http%3A%2F%2Fexample.com"
    "&node_id=1&node_mac=00:18:0a:13:dd:b0&gateway_id=1&client_ip=10.8.1.9&client_mac=02:aa:00:00:09:01"
)
OMADA = (
    "clientMac=02-AA-00-00-09-01&clientIp=10.9.1.9&apMac=60-A4-B7-AA-BB-CC&ssidName=WiFi&t=1700000000"
    "&radioId=1&vid=0&originUrl=http%3A%2F%2Fexample.com&target=evil.example&targetPort=8088&scheme=https"
    "&raidusServerIp=10.0.0.1"
)
OPNSENSE = "from=opnsense&mac=02:aa:00:00:09:01&ip=10.3.0.9"
PFSENSE = "mac=02:aa:00:00:09:01&ip=10.3.0.9&zone=wifi"
GENERIC = "res=notyet&uamip=1&client_mac=02AA.0000.0901&userip=10.2.0.9"

KINDS = [
    ("aruba", ARUBA, "10.5.0.9", "20:4c:03:11:22:33"),
    ("aruba", INSTANT_ON, "10.5.0.9", "20:4c:03:11:22:33"),
    ("cisco", CISCO, "", "00:3a:7d:11:22:30"),
    ("ruckus", ZONE_DIRECTOR, "10.6.1.9", "c0:8a:de:aa:bb:cc"),
    ("ruckus", SMART_ZONE, "10.6.1.9", "c0:8a:de:aa:bb:cc"),
    ("cambium", CAMBIUM, "10.7.1.9", "00:04:56:aa:bb:cc"),
    ("meraki", MERAKI, "10.8.1.9", "00:18:0a:13:dd:b0"),
    ("opnsense", OPNSENSE, "10.3.0.9", None),
    ("pfsense", PFSENSE, "10.3.0.9", None),
    ("generic", GENERIC, "10.2.0.9", None),
]


def query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def sent(kind: str, text: str, login: str = "https://gateway.test/login") -> tuple[str, Mapping[str, str]]:
    dialect = POSTED_DIALECTS[kind]
    form = dialect.log_in(login, dialect.arrive("gw", query(text)), "ticket", "secret", LANDING)
    return form.url, form.fields


@pytest.mark.parametrize(("kind", "text", "ip", "ap"), KINDS)
def test_who_arrives(kind: str, text: str, ip: str, ap: str | None) -> None:
    dialect = POSTED_DIALECTS[kind]
    assert dialect.recognises(query(text))
    arrival = dialect.arrive("gw", query(text))
    assert (arrival.gateway, arrival.stage, arrival.mac) == ("gw", Stage.WANTS_IN, MAC)
    assert (arrival.ip, arrival.ap_mac, arrival.proven) == (ip, ap, False)


@pytest.mark.parametrize("kind", sorted(POSTED_DIALECTS))
@pytest.mark.parametrize("text", ["", "a=b", "id=02:aa:00:00:09:01&ap=02:00:5e:aa:bb:05", "fas=x&iv=y"])
def test_who_comes_from_elsewhere_is_not_recognised(kind: str, text: str) -> None:
    assert not POSTED_DIALECTS[kind].recognises(query(text))


@pytest.mark.parametrize(("kind", "text", "ip", "ap"), KINDS)
def test_no_address_is_a_clear_error(kind: str, text: str, ip: str, ap: str | None) -> None:
    names = {"mac", "client_mac", "ga_cmac"} - ({"mac"} if kind == "ruckus" else set())
    broken = {name: "nonsense" if name in names else value for name, value in query(text).items()}
    with pytest.raises(RequestError, match="bad-mac"):
        POSTED_DIALECTS[kind].arrive("gw", broken)


@pytest.mark.parametrize(
    ("kind", "text", "fields"),
    [
        ("aruba", ARUBA, {"cmd": "authenticate", "user": "ticket", "password": "secret", "url": LANDING}),
        ("aruba", ARUBA, {"mac": MAC, "ip": "10.5.0.9", "essid": "WiFi Gratis"}),
        ("aruba", INSTANT_ON, {"cmd": "authenticate", "username": "ticket", "password": "secret"}),
        ("cisco", CISCO, {"username": "ticket", "password": "secret", "buttonClicked": "4", "redirect_url": LANDING}),
        ("ruckus", ZONE_DIRECTOR, {"username": "ticket", "password": "secret", "ip": "10.6.1.9"}),
        ("cambium", CAMBIUM, {"ga_user": "ticket", "ga_pass": "secret", "ga_orig_url": LANDING}),
        ("cambium", CAMBIUM, {"ga_Qv": "eUROBR86HQ", "ga_cmac": "02-AA-00-00-09-01", "ga_srvr": "10.7.0.2"}),
        ("pfsense", PFSENSE, {"auth_user": "ticket", "auth_pass": "secret", "zone": "wifi", "redirurl": LANDING}),
        ("generic", GENERIC, {"UserName": "ticket", "Password": "secret", "OriginatingServer": LANDING}),
    ],
)  # fmt: skip
def test_the_form_goes_to_the_inventorys_address(kind: str, text: str, fields: dict[str, str]) -> None:
    url, given = sent(kind, text)
    assert url == "https://gateway.test/login"
    assert fields.items() <= given.items()


def test_merakis_form_goes_to_merakis_cloud_alone() -> None:
    url, fields = sent("meraki", MERAKI, "")
    assert url == "https://n143.network-auth.com/splash/login?mauth=MMabc"
    assert fields == {"username": "ticket", "password": "secret", "success_url": LANDING}
    for elsewhere in (
        "http://n143.network-auth.com/x", "https://network-auth.com.evil.example/", "https://evil.example/auth.com",
        "https://n1.network-auth.com@evil.example/", "https://xnetwork-auth.com/", "https://n1.network-auth.com:8443/",
        "javascript:alert(1)//network-auth.com", "https://evil.example\\.network-auth.com/", "https://[network-auth.com",
    ):  # fmt: skip
        with pytest.raises(RequestError, match="bad-request"):
            POSTED_DIALECTS["meraki"].arrive("gw", {**query(MERAKI), "login_url": elsewhere})


def test_merakis_click_through_goes_to_merakis_cloud_alone() -> None:
    """By its documentation: NOT the real cloud."""
    arrival = meraki.arrive_click("gw", query(MERAKI_CLICK))
    assert (arrival.mac, arrival.ap_mac, arrival.proven) == ("02:aa:00:00:09:01", "00:18:0a:13:dd:b0", False)
    to = meraki.grant_url(arrival, f"{LANDING}?a=1&b", 7200)
    assert to.startswith("https://n143.network-auth.com/splash/grant?continue_url=https%3A%2F%2F")
    assert to.endswith("%3Fa%3D1%26b&duration=7200")
    with pytest.raises(RequestError, match="bad-request"):
        meraki.arrive_click("gw", {**query(MERAKI_CLICK), "base_grant_url": "https://evil.example/splash/grant"})


def test_a_cambium_access_point_takes_the_form_at_its_private_address_alone() -> None:
    assert sent("cambium", CAMBIUM, "")[0] == "http://10.7.0.2:880/cgi-bin/hotspot_login.cgi"
    for elsewhere in ("8.8.8.8", "127.0.0.1", "evil.example", "10.7.0.2@evil.example", "fd00::1", ""):
        with pytest.raises(RequestError, match="bad-request"):
            sent("cambium", CAMBIUM.replace("10.7.0.2", elsewhere), "")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("aruba", ARUBA + "&errmsg=Authentication%20failed"),
        ("cisco", CISCO + "&statusCode=5"),
        ("cambium", CAMBIUM + "&ga_error_code=reject"),
        ("meraki", MERAKI + "&error_message=Incorrect"),
        ("opnsense", OPNSENSE + "&error=refused"),
        ("pfsense", PFSENSE + "&error=refused"),
    ],
)
def test_a_login_that_the_gateway_refused(kind: str, text: str) -> None:
    assert POSTED_DIALECTS[kind].arrive("gw", query(text)).stage is Stage.REFUSED


def test_a_cisco_phone_that_is_in_already() -> None:
    assert POSTED_DIALECTS["cisco"].arrive("gw", query(CISCO + "&statusCode=1")).stage is Stage.ADMITTED


@pytest.mark.parametrize("value", ["x" * 301, "a\r\nb", "\N{SNOWMAN}", "\x00"])
def test_what_goes_back_to_a_gateway_is_short_and_plain(value: str) -> None:
    with pytest.raises(RequestError, match="bad-request"):
        POSTED_DIALECTS["cambium"].arrive("gw", {**query(CAMBIUM), "ga_Qv": value})


NAMES = {"aruba": ("essid", ARUBA), "cambium": ("ga_ssid", CAMBIUM)}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize(
    "name",
    [
        "Warung Kopi é",
        "ꦮꦫꦸꦁꦏꦺꦴꦥꦶ",
        "مقهى",
        "免费",
        "WiFi \N{HOT BEVERAGE}\N{VARIATION SELECTOR-16}",
        "\U0001f468\u200d\U0001f469",
    ],
)
def test_a_networks_name_goes_back_as_it_came(kind: str, name: str) -> None:
    parameter, text = NAMES[kind]
    given = {**query(text), parameter: name}
    arrival = POSTED_DIALECTS[kind].arrive("gw", given)
    form = POSTED_DIALECTS[kind].log_in("https://gateway.test/login", arrival, "ticket", "secret", LANDING)
    assert form.fields[parameter] == name
    assert omada.tell(omada.arrive("gw", {**query(OMADA), "ssidName": name}), "t", "s", Account())["ssidName"] == name


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, text, *_ in KINDS])
def test_bytes_that_are_no_text_keep_nobody_out(kind: str, text: str) -> None:
    for parameter in ("essid", "network", "ssid", "wlan", "wlanName", "ga_ssid", "ap_name", "apname"):
        given = query(f"{text}&{parameter}=Kopi%ff%fe")
        arrival = POSTED_DIALECTS[kind].arrive("gw", given)
        assert arrival.mac == MAC
        assert not any("\ufffd" in value for value in arrival.data.values())


def test_pfsenses_page_redirects_with_its_variables() -> None:
    page = pfsense.page("https://wifi.example.go.id/g/pf")
    url = "https://wifi.example.go.id/g/pf?mac=$CLIENT_MAC$&amp;ip=$CLIENT_IP$&amp;zone=$PORTAL_ZONE$"
    assert page.count(url) == 2
    assert "error=refused" in pfsense.error_page("https://wifi.example.go.id/g/pf")


def test_opnsenses_page_takes_a_ticket_that_no_server_sees() -> None:
    url, fields = sent("opnsense", OPNSENSE, "http://10.3.0.1:8000/")
    assert (url, fields) == (f"http://10.3.0.1:8000/#user=ticket&password=secret&to={quote(LANDING, safe='')}", {})
    page = opnsense.page("https://wifi.example.go.id/g/<opn>")
    assert 'door = "https://wifi.example.go.id/g/\\u003copn>", portal = "https://wifi.example.go.id"' in page


def test_what_a_smart_zone_is_told() -> None:
    arrival = ruckus.arrive("gw", query(SMART_ZONE))
    assert ruckus.tell(arrival, "ticket", "secret", Account("api", "the interface's")) == {
        "Vendor": "ruckus", "APIVersion": "1.0", "RequestCategory": "UserOnlineControl", "RequestType": "Login",
        "RequestUserName": "api", "RequestPassword": "the interface's", "UE-IP": "10.6.1.9",
        "UE-MAC": "02-AA-00-00-09-01", "UE-Proxy": "0", "UE-Username": "ticket", "UE-Password": "secret",
    }  # fmt: skip
    ruckus.answered({"ResponseCode": 201})
    ruckus.answered({"ResponseCode": "101"})
    answers: list[object] = [{"ResponseCode": 301}, {}, [], None]
    for refused in answers:
        with pytest.raises(PeerError, match="SmartZone does not let"):
            ruckus.answered(refused)


def test_an_encrypted_address_of_a_smart_zone_is_refused_since_ours_could_not_match_it() -> None:
    with pytest.raises(RequestError, match="bad-mac"):
        ruckus.arrive("gw", {**query(SMART_ZONE), "client_mac": "ENC1a2b3c4d5e6f"})


def test_what_an_omada_controller_is_told() -> None:
    assert omada.recognises(query(OMADA))
    arrival = omada.arrive("gw", query(OMADA))
    assert (arrival.mac, arrival.ap_mac, arrival.proven) == (MAC, "60:a4:b7:aa:bb:cc", False)
    assert omada.tell(arrival, "ticket", "secret", Account()) == {
        "clientMac": "02-AA-00-00-09-01", "clientIp": "10.9.1.9", "apMac": "60-A4-B7-AA-BB-CC", "ssidName": "WiFi",
        "originUrl": "http://example.com", "radioId": 1, "vid": 0, "authType": 2,
        "username": "ticket", "password": "secret",
    }  # fmt: skip
    omada.answered({"errorCode": 0})
    answers: list[object] = [{"errorCode": -41501}, {}, []]
    for refused in answers:
        with pytest.raises(PeerError, match="Omada controller does not let"):
            omada.answered(refused)
