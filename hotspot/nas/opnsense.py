"""OPNsense's captive portal: the page of its zone that sends phones here, and logs them in when they come back. Pure.

Its zone takes a login from a script alone, so `page` is one for the zone's template. The phone's MAC address is in what
the script is told where the zone has "extended pre-authentication data" (OPNsense 22.7 and later); RADIUS hears it as
Calling-Station-Id since 25.1.4. Nothing is signed. The ticket travels behind `#`, which browsers send to nobody.

Source: opnsense/core AccessController.php (status, logon) and issues 5379, 7844, 8533.
"""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from . import attributes, generic, posted
from .arrival import Arrival
from .posted import Login

NAME: Final = "opnsense"

_PAGE: Final = """\
<!doctype html>
<html lang="id">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>WiFi</title>
</head>
<body>
<p id="said">Sebentar&hellip; <span lang="en">One moment&hellip;</span></p>
<noscript><p>Untuk masuk di sini nyalakan JavaScript.
<span lang="en">To log in here turn on JavaScript.</span></p></noscript>
<script>
(function () {
  var door = @DOOR@, portal = @PORTAL@, given = {}, parts = location.hash.slice(1).split("&"), i, pair;
  for (i = 0; i < parts.length; i += 1) {
    pair = parts[i].split("=");
    try { given[pair[0]] = decodeURIComponent(pair[1] || ""); } catch (ignored) { given = {}; }
  }
  function ask(what, body, then) {
    var request = new XMLHttpRequest();
    request.open(body ? "POST" : "GET", "/api/captiveportal/access/" + what + "/0/", true);
    if (body) { request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded"); }
    request.onreadystatechange = function () {
      var told = {};
      if (request.readyState !== 4) { return; }
      try { told = JSON.parse(request.responseText); } catch (ignored) { told = {}; }
      then(told);
    };
    request.send(body);
  }
  function goes(error) {
    ask("status", null, function (told) {
      var query = "?from=opnsense&mac=" + encodeURIComponent(told.macAddress || "") +
        "&ip=" + encodeURIComponent(told.ipAddress || "") + error;
      if (told.clientState === "AUTHORIZED") { location.replace(portal + "/"); return; }
      if (told.macAddress) { location.replace(door + query); return; }
      document.getElementById("said").innerHTML =
        "WiFi ini belum siap. <span lang='en'>This WiFi is not ready yet.</span>";
    });
  }
  if (!given.user) { goes(""); return; }
  if (history.replaceState) { history.replaceState(null, "", location.pathname); }
  ask("logon", "user=" + encodeURIComponent(given.user) + "&password=" + encodeURIComponent(given.password || ""),
    function (told) {
      if (told.clientState !== "AUTHORIZED") { goes("&error=refused"); return; }
      location.replace((given.to || "").indexOf(portal + "/") === 0 ? given.to : portal + "/");
    });
}());
</script>
</body>
</html>
"""


def page(door: str) -> str:
    """The template's index.html. `door` is the portal's URL for this gateway."""
    parts = urlsplit(door)
    texts = {"@DOOR@": door, "@PORTAL@": f"{parts.scheme}://{parts.netloc}"}
    made = _PAGE
    for name, text in texts.items():
        made = made.replace(name, json.dumps(text).replace("<", "\\u003c"))
    return made


def recognises(query: Mapping[str, str]) -> bool:
    return query.get("from") == NAME and "mac" in query


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that our page describes."""
    return posted.described(gateway, query, mac="mac", ip="ip", error="error")


def log_in(login: str, _arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """Back to our page; `login` is the zone's `http://ADDRESS:8000/`, or what its certificate names."""
    given = {"user": user_name, "password": password, "to": landing}
    told = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    return Login(f"{login}#{told}")


# -- RADIUS: what RFC 2865 says; of the limits it knows the time alone ----------------------------------------------

accept = generic.accept
redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway
BARE_ORDERS: Final = generic.BARE_ORDERS
reauthenticate = attributes.asked_once
change = generic.change
disconnect = attributes.session_names
