"""Not a RouterOS: a double that speaks SSH and SFTP and does what the documentation says of the few commands we use.

None can be had here, so nothing that is tried against this shows that a real one does the same. Scripts are read by our
own strict reader, and what is not understood is an error, as it would be there.
"""

import copy
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import paramiko

from controller.mikrotik import console
from controller.mikrotik.routeros import Command, parse
from controller.mikrotik.trial import OBSERVE
from hotspot.errors import ConfigError

from .routeros_ssh import Files, Server

Items = dict[str, list[dict[str, str]]]

_SINGLETONS: Final = ("/system/identity", "/system/clock", "/ip/dns", "/radius/incoming")
_TICK: Final = 0.05
_PUT: Final = re.compile(r':put "([^"]*)"')
_PROBE: Final = re.compile(r':if \((.*?)\) do=\{ :put "([^"]*)" \} else=\{ :put "([^"]*)" \}')
_USED: Final = re.compile(r'\[:len \[(/\S+)/find where name="(\w+)" and !disabled and !invalid\]\] = 1')
_FILE: Final = re.compile(r'\[:len \[/file/find where name~"(\S+)"\]\] > 0')
_PING: Final = re.compile(r"/ping (\S+) count=2")
_FORGET: Final = re.compile(
    r'/user/ssh-keys remove \[find where user="(\S+)" and key-owner~"\^(\w+)"(?: and key-owner!="(\S+)")?\]'
)
_BLINK: Final = re.compile(r"/interface/ethernet/blink \[find\] duration=(\d+)s")
_DELAY: Final = re.compile(r":delay (\d+)s; (.*)")
_IF_THERE: Final = re.compile(r':if \(\[:len \[(/\S+)/find name="(\S+)"\]\] > 0\) do=\{ (.*) \}')
_PACKAGE: Final = re.compile(r':put \("package (\S+) " \. \[/file/get ')
_END: Final = '; :put "nirkabel end"'


class RefusedError(Exception):
    """A command that failed; the rest of its script is not run."""


class RestartError(Exception):
    """The router restarts: every connection is cut."""


class RouterosDouble:
    """One router, listening on a port of 127.0.0.1 for one key. `refuses` is a menu where nothing can be added,
    `cut_off_by` says of its state whether it can be reached then. `invalid` is a menu whose items are, `silent` are
    addresses that answer no ping.
    """

    def __init__(self, key_line: str, port: int):
        self.items: Items = {"/interface/wifi": [{"default-name": "wifi1"}, {"default-name": "wifi2"}]}
        self.files: dict[str, bytes] = {}
        self.refuses = ""
        self.cut_off_by: Callable[[Items], bool] = lambda _items: False
        self.commands: list[str] = []
        self.users: set[str] = set()
        self.restarts = 0
        self.never_comes_back = False
        self.invalid = ""
        self.has_flash = False
        """Whether only what is in its folder `flash` outlives a restart."""
        self.mac = "02:00:5e:bb:00:01"
        self.silent: set[str] = set()
        self.host_key = paramiko.ECDSAKey.generate()
        self.keys: list[tuple[str, str]] = [(key_line.split()[1], " ".join(key_line.split()[2:]))]
        """Base64 and comment, of the one account that there is."""
        self.ports = 5
        self.release = "7.15.3"
        self.blinked = 0
        self._backups: dict[bytes, tuple[str, Items]] = {}
        """By the file's content, with its password."""
        self._due: dict[str, float] = {}
        self._background: dict[str, str] = {}
        self._started = time.monotonic() - 1_000_000
        self._lock = threading.RLock()
        self._connections: list[paramiko.Transport] = []
        self._stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = port
        self._listening.settimeout(_TICK)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def host_key_line(self) -> str:
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"

    def named(self, menu: str) -> list[str]:
        """The names of what is in a menu."""
        with self._lock:
            return [one["name"] for one in self.items.get(menu, ()) if "name" in one]

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._listening.close()
        self._cut()

    # -- SSH ---------------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._stopped.is_set():
            self._tick()
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                continue
            if self.cut_off_by(self.items) or (self.restarts and self.never_comes_back):
                connection.close()
                continue
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            self._connections.append(transport)
            transport.start_server(event=threading.Event(), server=Server(self))

    def _cut(self) -> None:
        for transport in self._connections:
            transport.close()
        self._connections.clear()

    def answers_to(self, key: paramiko.PKey) -> bool:
        return key.get_base64() in [base64 for base64, _ in self.keys]

    def execute(self, channel: paramiko.Channel, command: str) -> None:
        """Runs a command in a thread of its own, as a real one would."""
        threading.Thread(target=self._execute, args=(channel, command)).start()

    def _execute(self, channel: paramiko.Channel, command: str) -> None:
        self.commands.append(command)
        try:
            with self._lock:
                said = self._answer(command)
            if self.cut_off_by(self.items):
                self._cut()
                return
            channel.sendall(said.replace("\n", "\r\n").encode())
            channel.shutdown_write()  # who asked closes: its request may not be answered yet
        except RestartError:
            self._cut()
        except OSError:
            pass  # who asked has gone

    # -- what it does ------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        with self._lock:
            scheduled = {one["name"]: one["on-event"] for one in self.items.get("/system/scheduler", ())}
            for name, text in (scheduled | self._background).items():
                due = self._due.get(name)
                if due is not None and time.monotonic() >= due:
                    self._due.pop(name)
                    self._background.pop(name, None)
                    try:
                        self._run(text)
                    except RestartError:
                        self._cut()

    def _answer(self, command: str) -> str:
        if command == OBSERVE:
            return self._observed()
        asked, _, rest = command.partition(_END)
        if command.endswith(_END) and not rest:
            said = self._facts() if command in (console.FACTS, console.UPTIME) else self._typed(asked)
            return said if said.startswith(("failure", "syntax error")) else f"{said}nirkabel end\n"
        if command.startswith("/file remove"):
            return self._typed(command)
        if command.startswith(":if "):
            return "".join(f"{yes if self._holds(what) else no}\n" for what, yes, no in _PROBE.findall(command))
        return self._run(command)

    def _holds(self, condition: str) -> bool:
        if used := _USED.fullmatch(condition):
            return used[1] != self.invalid and len(self._find(used[1], {"name": used[2]})) == 1
        if there := _FILE.fullmatch(condition):
            return any(there[1] in name for name in self.files)
        return not self.silent.issuperset(_PING.findall(condition))

    def _typed(self, text: str) -> str:
        if put := _PUT.fullmatch(text):
            return f"{put[1]}\n"
        told = ""
        for one in text.split("; "):
            said = self._special(one)
            if said.startswith(("failure", "syntax error")):
                return said
            told += said
        return told

    def _special(self, text: str) -> str:
        """What our reader does not read."""
        if forget := _FORGET.fullmatch(text):
            self.keys = [one for one in self.keys if not one[1].startswith(forget[2]) or one[1] == forget[3]]
        elif package := _PACKAGE.match(text):
            words = self.files[package[1]].split()
            return (
                f"package {package[1]} {words[1].decode()} {words[2].decode()}\n" if words[0] == b"npk" else "failure\n"
            )
        elif text.startswith(":if ([:len [/interface/ethernet/find]] = 0)"):
            return "" if self.ports else "failure: it has no Ethernet port\n"
        else:
            return self._run(text)
        return ""

    def _facts(self) -> str:
        up = int(time.monotonic() - self._started)
        days, clock = divmod(up, 86400)
        told = f"uptime {days // 7}w{days % 7}d{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}\n"
        about = "kind routeros\nmodel hAP ax\nmodel C52iG\nmachine arm64\nmemory_kb 512000\nflash_kb 60000\n"
        system = f"system RouterOS {self.release} (stable)\n"
        rest = f"guests 3\nstations 4\nmac {self.mac} ether1\n"
        packages = "".join(f"version {name} {self.release}\n" for name in ("routeros", "wifi-qcom"))
        return about + system + told + rest + packages

    def _restart(self) -> None:
        self._due.clear()
        self._background.clear()
        self.restarts += 1
        if self.has_flash:
            self.files = {name: data for name, data in self.files.items() if name.startswith("flash/")}
        for name in [name for name in self.files if name.endswith(".npk")]:
            self.release = self.files.pop(name).split()[1].decode()
        self._started = time.monotonic()
        for one in list(self.items.get("/system/scheduler", ())):
            if one.get("start-time") == "startup":
                self._run(one["on-event"])
        raise RestartError

    def _soon(self, script: str, seconds: float = 2 * _TICK) -> None:
        """In the background; the answer goes out first."""
        name = f"background {len(self._background)} {len(self.commands)}"
        self._due[name] = time.monotonic() + seconds
        self._background[name] = script

    def _observed(self) -> str:
        current = [one["source"] for one in self.items.get("/system/script", ()) if one["name"] == "nirkabel-current"]
        marks = [
            one
            for name in ("nirkabel-trying", "nirkabel-restored")
            for one in self._find("/system/scheduler", {"name": name})
        ]
        trying = [one.get("comment") for one in marks]
        lines = [*(current or ["nirkabel 0"]), *(f"trying {one}" for one in trying)]
        lines.append(f"flash {int(self.has_flash)}")
        ours = {name: data for name, data in self.files.items() if name.startswith(("nirkabel", "flash/nirkabel"))}
        lines += [f"file {len(data)} {name}" for name, data in ours.items()]
        lines += ["export", "# 2026-01-01 by RouterOS 7", *self._export(), "nirkabel pages"]
        for name, data in ours.items():
            if "/" in name.removeprefix("flash/"):
                lines += [f"page {name}", data.decode(), "nirkabel page ends"]
        lines += ["nirkabel end", ""]
        return "\n".join(lines)

    def _export(self) -> list[str]:
        return [
            f"{menu.replace('/', ' ').strip().join(('/', ''))} add " + " ".join(f"{k}={v}" for k, v in one.items())
            for menu, items in sorted(self.items.items())
            for one in items
        ]

    def _run(self, text: str) -> str:
        if text == "/system/reboot":
            self._restart()
        if delay := _DELAY.fullmatch(text):
            self._soon(delay[2], float(delay[1]))
            return ""
        if there := _IF_THERE.fullmatch(text):
            return self._run(there[3]) if self._find(there[1], {"name": there[2]}) else ""
        if blink := _BLINK.fullmatch(text):
            self.blinked = int(blink[1])
            return ""
        try:
            for command in parse(text):
                self._do(command)
        except ConfigError as error:
            return f"syntax error: {error}\n"
        except RefusedError as error:
            return f"failure: {error}\n"
        return ""

    def _do(self, one: Command) -> None:
        if one.verb == ":do":
            try:
                for inner in one.inner:
                    self._do(inner)
            except RefusedError:
                for other in one.otherwise:
                    self._do(other)
        elif one.verb == ":execute":
            self._soon(one.values["script"])
        elif one.menu == "/import":
            self._import(one.values["file-name"])
        elif one.menu == "/system/backup":
            self._backup(one.verb, one.values["name"], one.values.get("password", ""))
        elif one.menu == "/export":
            self.files[f"{one.values['file']}.rsc"] = "\n".join(self._export()).encode()
        elif (one.menu, one.verb) == ("/user/ssh-keys", "import"):
            self._import_key(one.values["public-key-file"])
        elif one.menu == "/file":
            for name in [name for name in self.files if name == (one.find or {})["name"]]:
                del self.files[name]
        else:
            self._change(one)

    def _import(self, name: str) -> None:
        if name not in self.files:
            raise RefusedError(f"no such file {name}")
        for number, command in enumerate(parse(self.files[name].decode()), 1):
            try:
                self._do(command)
            except RefusedError as error:
                raise RefusedError(f"{name} command {number}: {error}") from error

    def _import_key(self, name: str) -> None:
        if name not in self.files:
            raise RefusedError(f"no such file {name}")
        _, base64, comment = self.files.pop(name).decode().split()
        self.keys.append((base64, comment))

    def _backup(self, verb: str, name: str, password: str) -> None:
        if verb == "save":
            if self.refuses == "/system/backup":
                raise RefusedError("not enough space")
            content = b"backup %d" % len(self._backups)
            self._backups[content] = (password, copy.deepcopy(self.items))
            self.files[f"{name}.backup"] = content
            return
        if f"{name}.backup" not in self.files:
            raise RefusedError("no such backup")
        right, items = self._backups[self.files[f"{name}.backup"]]
        if password != right:
            raise RefusedError("wrong password")
        self.items = copy.deepcopy(items)
        self._restart()

    def _find(self, menu: str, wanted: Mapping[str, str]) -> list[dict[str, str]]:
        return [one for one in self.items.get(menu, ()) if wanted.items() <= one.items()]

    def _change(self, one: Command) -> None:
        there = self.items.setdefault(one.menu, [])
        if one.verb == "add":
            if one.menu == self.refuses:
                raise RefusedError("not possible here")
            if "name" in one.values and self._find(one.menu, {"name": one.values["name"]}):
                raise RefusedError("already have such name")
            there.append(dict(one.values))
            if one.values.get("interval", "").endswith("s"):
                self._due[one.values["name"]] = time.monotonic() + int(one.values["interval"][:-1])
            return
        found = there[:1] if one.menu in _SINGLETONS else self._find(one.menu, one.find or {})
        if one.verb == "remove":
            self.items[one.menu] = [item for item in there if item not in found]
        elif one.verb == "get" and not found:
            raise RefusedError("no such item")
        elif one.verb == "set":
            if one.menu in _SINGLETONS and not there:
                there.append({})
                found = there
            for item in found:
                item.update(one.values)
