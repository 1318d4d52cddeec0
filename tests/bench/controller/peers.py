"""The same work by other tools: the same files into each folder, something run, every file's checksum compared."""

import base64
import subprocess
import sys
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from controller.waves import WORKERS

from .targets import Targets, address, name, port

_SSH = ["-F", "none", "-o", "BatchMode=yes", "-o", "KexAlgorithms=curve25519-sha256", "-o", "ControlMaster=no"]
_PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
{tasks}
    - command: sha256sum --quiet -c sums
      args: {{chdir: "{{{{ folder }}}}"}}
"""
_PYINFRA = """
from pyinfra import host
from pyinfra.operations import files, server
for path in {paths!r}:
    files.put(src="{files}/" + path, dest=host.data.folder + "/" + path)
server.shell(commands=["cd " + host.data.folder + " && sha256sum --quiet -c sums"])
"""


def tools(folder: Path) -> Path:
    """A virtual environment with Ansible and pyinfra; made once."""
    programs = folder / "bin"
    if not (programs / "pyinfra").exists() or not (programs / "ansible").exists():
        print("== build/bench/venv: Ansible and pyinfra", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([programs / "pip", "install", "-q", "ansible-core", "pyinfra"], check=True, capture_output=True)
    return programs


class Peers:
    """What each tool is started with. All of them read the targets' folder."""

    def __init__(self, targets: Targets, programs: Path):
        self._targets = targets
        self._programs = programs
        self._known = targets.folder / "known_hosts"
        lines = [
            f"[{address(number)}]:{port(number, server)} {(targets.folder / f'host-{server}').read_text()}\n"
            for server in ("dropbear", "sshd")
            for number in range(targets.count)
        ]
        self._known.write_text("".join(lines))
        self._stream = targets.folder / "files.tar.gz"
        subprocess.run(["tar", "czf", self._stream, "-C", targets.files, "."], check=True)

    def commands(self) -> dict[str, Callable[[int], list[str]]]:
        """By name: the command line for so many access points."""
        folder = str(self._targets.folder)
        worker = [sys.executable, "-m", "tests.bench.controller.worker"]
        return {
            "bare paramiko": lambda count: [*worker, "bare", folder, str(count), "dropbear"],
            "openssh": lambda count: [sys.executable, "-m", "tests.bench.controller.peers", folder, str(count)],
            "pyinfra": self._pyinfra,
            "ansible raw": lambda count: self._ansible(count, "raw", "dropbear"),
            "ansible modules": lambda count: self._ansible(count, "modules", "sshd"),
        }

    def _pyinfra(self, count: int) -> list[str]:
        folder = self._targets.folder
        hosts = [
            (
                address(number),
                {
                    "ssh_port": port(number, "sshd"), "ssh_user": "root", "ssh_key": str(self._targets.key),
                    "ssh_known_hosts_file": str(self._known), "folder": str(self._targets.root(number)),
                },
            )
            for number in range(count)
        ]  # fmt: skip
        (folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")
        text = _PYINFRA.format(paths=[str(path) for path in self._targets.paths()], files=self._targets.files)
        (folder / "deploy.py").write_text(text)
        return [str(self._programs / "pyinfra"), "-y", str(folder / "inventory.py"), str(folder / "deploy.py")]

    def _ansible(self, count: int, what: str, server: str) -> list[str]:
        folder = self._targets.folder
        common = (
            f"ansible_user=root ansible_ssh_private_key_file={self._targets.key} "
            "ansible_python_interpreter=/usr/bin/python3 "
            f"ansible_ssh_common_args='-o UserKnownHostsFile={self._known} -o KexAlgorithms=curve25519-sha256'"
        )
        (folder / "hosts").write_text(
            "".join(
                f"{name(number)} ansible_host={address(number)} ansible_port={port(number, server)} "
                f"folder={self._targets.root(number)} {common}\n"
                for number in range(count)
            )
        )
        (folder / "ansible.cfg").write_text("[defaults]\nforks = 50\n[ssh_connection]\npipelining = true\n")
        if what == "raw":
            stream = base64.b64encode(self._stream.read_bytes()).decode()
            command = (
                f"echo {stream} | base64 -d | tar xzf - -C {{{{ folder }}}} && cd {{{{ folder }}}} && sha256sum -c sums"
            )
            return [str(self._programs / "ansible"), "all", "-i", str(folder / "hosts"), "-m", "raw", "-a", command]
        parents = sorted({str(path.parent) for path in self._targets.paths()} - {"."})
        tasks = [f"    - file: {{path: '{{{{ folder }}}}/{parent}', state: directory}}\n" for parent in parents]
        tasks += [
            f"    - copy: {{src: '{self._targets.files}/{path}', dest: '{{{{ folder }}}}/{path}'}}\n"
            for path in self._targets.paths()
        ]
        (folder / "play.yml").write_text(_PLAYBOOK.format(tasks="".join(tasks)))
        return [str(self._programs / "ansible-playbook"), "-i", str(folder / "hosts"), str(folder / "play.yml")]


def _openssh(folder: Path, count: int) -> None:
    """One `ssh` process for each access point, the tar stream on its stdin."""
    stream = (folder / "files.tar.gz").read_bytes()

    def push(number: int) -> bool:
        to = ["-i", str(folder / "state/ssh_ed25519"), "-o", f"UserKnownHostsFile={folder / 'known_hosts'}"]
        there = ["-p", str(port(number, "dropbear")), f"root@{address(number)}"]
        command = f"cd {folder}/ap/{name(number)} && tar xzf - && sha256sum --quiet -c sums"
        done = subprocess.run(["ssh", *_SSH, *to, *there, command], input=stream, capture_output=True, check=False)
        return done.returncode == 0

    with ThreadPoolExecutor(WORKERS) as pool:
        good = sum(pool.map(push, range(count)))
    if good < count:
        sys.exit(f"{count - good} of {count} failed")


if __name__ == "__main__":
    if len(sys.argv) == 1:  # where there is a network: the bed has none
        tools(Path(__file__).parents[3] / "build/bench/venv")
    else:
        _openssh(Path(sys.argv[1]), int(sys.argv[2]))
