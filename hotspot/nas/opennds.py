"""openNDS (FAS levels 1 to 3): what the router, our scripts on it, and the portal say to each other. Pure.

openNDS speaks no RADIUS and protects little: its client token has 32 bits and at level 1 the phone can compute it. So
a phone is admitted only by what carries our HMAC: the portal puts a *pass* into `custom`, and the BinAuth script that
the controller installs admits nothing else and returns the pass's limits. The agent (`opennds_agent`) counts.

Keys. The gateway's `agent_key` never travels. Two 32-byte keys are derived from it, HMAC-SHA256(agent_key, label):
label `binauth` for passes, label `agent` for the agent's posts and their answers.

Pass (URL-safe text; the router takes it apart with `cut -d.`):
    1.GRANT.SECONDS.UPKBIT.DOWNKBIT.UPKIB.DOWNKIB.CODE
GRANT is the grant's id (32 hex), limits are decimal, 0 is unlimited, CODE is the first half, 32 lower-case hex, of
HMAC-SHA256(binauth key, "GRANT.SECONDS.UPKBIT.DOWNKBIT.UPKIB.DOWNKIB|CLIENTMAC|HID"), CLIENTMAC as `02:00:5e:aa:bb:01`
and HID = hex SHA-256 of openNDS's client token: a pass opens one pre-authenticated session of one device, once.
`ndsctl auth` of openNDS 9.10 cuts `custom` after 126 characters; a pass has at most 113.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from hotspot.admission.grant import Limits
from hotspot.errors import RequestError
from hotspot.people.identity import parse_mac

from .arrival import Arrival, Stage

NAME: Final = "opennds"

VERSION: Final = "1"
_CODE: Final = 32
_PASS = re.compile(r"1\.([0-9a-f]{32})(?:\.[0-9]{1,12}){5}\.[0-9a-f]{32}")
BINAUTH_LABEL: Final = "binauth"
AGENT_LABEL: Final = "agent"


def derive(agent_key: bytes, label: str) -> bytes:
    """The 32-byte key for one use of a gateway's agent key."""
    return hmac.digest(agent_key, label.encode(), hashlib.sha256)


def make_pass(
    key: bytes,
    grant: str,
    mac: str,
    hid: str,
    *,
    seconds: int,
    up_kbit: int,
    down_kbit: int,
    up_kib: int,
    down_kib: int,
) -> str:
    """The text that the BinAuth script admits this device with. `key` is the derived binauth key."""
    body = f"{grant}.{seconds}.{up_kbit}.{down_kbit}.{up_kib}.{down_kib}"
    code = hmac.new(key, f"{body}|{mac}|{hid}".encode(), hashlib.sha256).hexdigest()[:_CODE]
    return f"{VERSION}.{body}.{code}"


def pass_grant(custom: str) -> str | None:
    """The grant's id in a pass that a router shows us; None for anything that is no pass of ours."""
    match = _PASS.fullmatch(custom)
    return match[1] if match else None


# -- the redirect ------------------------------------------------------------------------------------------------


def recognises(query: Mapping[str, str]) -> bool:
    return "fas" in query


def arrive(gateway: str, query: Mapping[str, str], key: bytes, level: int) -> Arrival:
    """The phone that a FAS query describes, at levels 1 to 3.

    Level 1 is base64 of readable text and proves nothing; the pass does. Levels 2 and 3 are AES-256-CBC under the FAS
    key: without the key nobody can write one of their choice. RequestError("bad-signature") where it cannot be read.
    """
    fields = _fields(_decoded(query["fas"]) if level == 1 else _decrypted(query["fas"], query.get("iv", ""), key))
    hid, address = fields.get("hid", ""), fields.get("gatewayaddress", "")
    try:
        mac = parse_mac(fields.get("clientmac", ""))
    except RequestError as error:
        raise RequestError("bad-signature", gateway) from error
    if re.fullmatch(r"[0-9a-f]{64}", hid) is None or not _is_endpoint(address):
        raise RequestError("bad-signature", gateway)  # one answer for all: it is no oracle for the padding
    admitted = query.get("status") == "authenticated"  # which stands beside what is encrypted: anybody may add it
    return Arrival(
        gateway=gateway,
        stage=Stage.ADMITTED if admitted else Stage.WANTS_IN,
        mac=mac,
        ip=fields.get("clientip", ""),
        proven=level > 1 and not admitted,
        mark=f"{query.get('iv', '')}|{query['fas']}" if level > 1 else "",
        ap_mac=_gateway_mac(fields.get("gatewaymac", "")),
        data={
            "hid": hid,
            "gatewayaddress": address,
            "gatewayhash": hashlib.sha256(fields.get("gatewayname", "").encode(errors="surrogateescape")).hexdigest(),
        },
    )


def _is_endpoint(text: str) -> bool:
    host, _, port = text.rpartition(":")
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return re.fullmatch(r"[0-9]{1,5}", port) is not None


def _decoded(fas: str) -> str:
    try:
        return b64decode(fas.replace(" ", "+"), validate=True).decode(errors="surrogateescape")
    except ValueError as error:
        raise RequestError("bad-signature", "fas") from error


def _decrypted(fas: str, iv: str, key: bytes) -> str:
    """As openssl is called there: the key's bytes cut or NUL-padded to 32, the IV is its 16 characters themselves."""
    if len(iv) != 16 or not iv.isascii():
        raise RequestError("bad-signature", "iv")
    try:
        ciphertext = b64decode(b64decode(fas.replace(" ", "+"), validate=True), validate=True)
        decryptor = Cipher(algorithms.AES(key[:32].ljust(32, b"\0")), modes.CBC(iv.encode())).decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode(errors="surrogateescape")
    except ValueError as error:
        raise RequestError("bad-signature", "fas") from error


def _fields(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(", "))
    return {name: value for name, separator, value in parts if separator}


def _gateway_mac(text: str) -> str | None:
    try:
        return parse_mac(text)
    except RequestError:
        return None


def rhid(hid: str, key: bytes) -> str:
    """What the router compares: hex SHA-256 of hid and the FAS key."""
    return hashlib.sha256(hid.encode() + key).hexdigest()


def hand_back(arrival: Arrival, key: bytes, custom: str, landing: str) -> str:
    """Levels 1 and 2: the URL at which the phone shows its pass; the router then sends it to `landing`."""
    query = urlencode({"tok": rhid(arrival.data["hid"], key), "redir": landing, "custom": custom})
    return f"http://{arrival.data['gatewayaddress']}/opennds_auth/?{query}"


def limits_in_kilo(limits: Limits) -> dict[str, int]:
    """openNDS's units: kbit/s and KiB, 0 is unlimited. Data left counts in both directions, so each gets all of it."""
    quota = 0 if limits.total is None else max(1, limits.total // 1024)
    return {
        "seconds": limits.session,
        "up_kbit": (limits.up or 0) // 1000,
        "down_kbit": (limits.down or 0) // 1000,
        "up_kib": quota,
        "down_kib": quota,
    }


AUTHMON_MOST: Final = 4
AUTHMON_POLL: Final = 5
"""Seconds between two polls."""


# -- level 3: authmon --------------------------------------------------------------------------------------------


def authmon_entry(rhid_: str, limits: Limits, custom: str) -> str:
    """One waiting phone in the answer to authmon's `view`: minutes rounded up, openNDS's units, percent-escaped."""
    kilo = limits_in_kilo(limits)
    minutes = -(-limits.session // 60)
    fields = (rhid_, minutes, kilo["up_kbit"], kilo["down_kbit"], kilo["up_kib"], kilo["down_kib"], custom)
    return quote(" ".join(str(field) for field in fields))


def authmon_answer(action: str, entries: list[str], now: int) -> str:
    """What authmon gets to hear. It reads at most 1024 characters and four entries; `now` turns the queue at each poll,
    so that four phones that never come do not stand in the way of the others.

    It cannot be told from a phone, so `clear` clears nothing and an acknowledgement proves nothing.
    """
    if action not in ("view", "list"):
        return "ack"
    answer = "*"
    first = now // AUTHMON_POLL * AUTHMON_MOST % max(1, len(entries))
    for entry in [*entries[first:], *entries[:first]][:AUTHMON_MOST]:
        if len(answer) + 1 + len(entry) > 1000:
            break
        answer += f" {entry}"
    return answer
