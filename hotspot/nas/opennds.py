"""openNDS (FAS levels 1 to 3): what the router, our scripts on it, and the portal say to each other. Pure.

openNDS speaks no RADIUS and protects little: its client token has 32 bits and at level 1 the phone can compute it. So
a phone is admitted only by what carries our HMAC: the portal puts a *pass* into `custom`, and the BinAuth script that
the controller installs admits nothing else and returns the pass's limits. A small agent on the router posts what
`ndsctl json` counts, signed, and is told whom to put out.

Keys. The gateway's `agent_key` never travels. Two 32-byte keys are derived from it, HMAC-SHA256(agent_key, label):
label `binauth` for passes, label `agent` for the agent's posts and their answers.

Pass (URL-safe text; the router takes it apart with `cut -d.`):
    1.GRANT.SECONDS.UPKBIT.DOWNKBIT.UPKIB.DOWNKIB.CODE
GRANT is the grant's id (32 hex), limits are decimal, 0 is unlimited, CODE is lower-case hex of
HMAC-SHA256(binauth key, "GRANT.SECONDS.UPKBIT.DOWNKBIT.UPKIB.DOWNKIB|CLIENTMAC|HID"), CLIENTMAC as `02:00:5e:aa:bb:01`
and HID = hex SHA-256 of openNDS's client token: a pass opens one pre-authenticated session of one device, once.

Agent post (text/plain, to `<portal.url>/agent/<gateway id>`):
    1 SEQUENCE HEX                      HEX = HMAC-SHA256(agent key, "post|SEQUENCE|" + everything after this line)
    boot BOOT_ID
    uptime SECONDS
    done ORDER RESULT                   one for each order of the last answer; RESULT is ok or failed
    event METHOD MAC IN OUT START END TOKEN CUSTOM      one for each call of the BinAuth script since the last good post
    json
    <ndsctl json as printed>
SEQUENCE is a decimal number that grows with every post: the larger of the clock and the last one plus one.

Answer:
    1 SEQUENCE HEX                      HEX = HMAC-SHA256(agent key, "answer|SEQUENCE|" + everything after this line)
    ok                                  or: again N, when SEQUENCE was not larger than the last one, N
    deauth ORDER CLIENTMAC GRANT        put this client out if its custom still carries this grant ("-": any)
SEQUENCE is the post's own, so an old answer cannot be played back.
"""

import hashlib
import hmac
from typing import Final

VERSION: Final = "1"
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
    code = hmac.new(key, f"{body}|{mac}|{hid}".encode(), hashlib.sha256).hexdigest()
    return f"{VERSION}.{body}.{code}"


def pass_grant(custom: str) -> str | None:
    """The grant's id in a pass that a router shows us; None for anything that is no pass of ours."""
    parts = custom.split(".")
    if len(parts) != 8 or parts[0] != VERSION or len(parts[1]) != 32:
        return None
    return parts[1]
