"""`hotspot` as an admin types it: what it prints, what it stores, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hotspot.settings import read_env_file
from tests import commands
from tests.bed.city import sites_toml

HOTSPOT = Path(sys.executable).with_name("hotspot")


def hotspot(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(state), "HOTSPOT_STATE": str(state)}
    return commands.hotspot(*arguments, env=environment)


def written(folder: Path, text: str) -> str:
    path = folder / "sites.toml"
    path.write_text(text)
    return str(path)


def test_help_names_every_command(tmp_path: Path) -> None:
    done = hotspot(tmp_path, "--help")
    assert done.returncode == 0
    for name in ("check", "activate", "secrets", "adopt", "render", "plan", "apply", "keys", "audit", "exec", "reboot"):
        assert f"  {name} " in done.stdout
    assert hotspot(tmp_path, "--version").stdout.startswith("hotspot, version ")
    assert hotspot(tmp_path, "no-such-command").returncode == 2


def test_check_reports_every_fault_with_its_line(tmp_path: Path) -> None:
    text = sites_toml().replace('kind = "park"', 'kind = "beach"').replace('plan = "umum"', 'plan = "umun"')
    done = hotspot(tmp_path, "check", written(tmp_path, text))
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    for line, key in zip(lines, ("kind", "plan"), strict=True):
        number = next(i for i, one in enumerate(text.splitlines(), 1) if one.startswith(f"{key} = "))
        assert line.startswith(f"{tmp_path}/sites.toml:{number}: site[0].{key}: ")
    answer = json.loads(hotspot(tmp_path, "check", "--json", str(tmp_path / "sites.toml")).stdout)
    assert [fault["path"] for fault in answer["faults"]] == ["site[0].kind", "site[0].plan"]


def test_secrets_that_this_node_lacks_are_warnings(tmp_path: Path) -> None:
    sites = written(tmp_path, sites_toml())
    done = hotspot(tmp_path, "check", sites)
    assert done.returncode == 0
    assert "gateway[0].fas_key" in done.stderr
    assert "1 access points" in done.stdout
    dry = hotspot(tmp_path, "secrets", "create", "--sites", sites, "--dry-run")
    assert dry.stdout == "would be created: BED_AGENT, BED_FAS, HOTSPOT_MASTER_KEY\n"
    assert not (tmp_path / "hotspot.env").exists()
    made = hotspot(tmp_path, "secrets", "create", "--sites", sites)
    values = read_env_file(tmp_path / "hotspot.env")
    assert set(values) == {"BED_FAS", "BED_AGENT", "HOTSPOT_MASTER_KEY"}
    assert not any(value in made.stdout + made.stderr for value in values.values())
    assert (tmp_path / "hotspot.env").stat().st_mode & 0o777 == 0o600
    assert "gateway[0]" not in hotspot(tmp_path, "check", sites).stderr
    assert hotspot(tmp_path, "secrets", "create", "--sites", sites).stdout == "nothing was missing\n"


def test_a_file_with_faults_is_not_activated(tmp_path: Path) -> None:
    assert hotspot(tmp_path, "activate", written(tmp_path, "nonsense")).returncode == 2
    assert "there is no city" in hotspot(tmp_path, "plan").stderr
    assert hotspot(tmp_path, "activate", str(tmp_path / "missing.toml")).returncode == 2


def test_activating_numbers_revisions(tmp_path: Path) -> None:
    first = written(tmp_path, sites_toml())
    assert hotspot(tmp_path, "activate", first).stdout == "revision 1 is active\n"
    assert hotspot(tmp_path, "activate", first).stdout == "revision 1 is active already\n"
    written(tmp_path, sites_toml(level=2))
    assert json.loads(hotspot(tmp_path, "activate", "--json", first).stdout)["revision"] == 2


def test_plan_and_apply_need_a_key_and_known_names(tmp_path: Path) -> None:
    hotspot(tmp_path, "activate", written(tmp_path, sites_toml()))
    done = hotspot(tmp_path, "plan")
    assert (done.returncode, "hotspot keys create" in done.stderr) == (2, True)
    assert hotspot(tmp_path, "keys", "show").returncode == 2
    line = hotspot(tmp_path, "keys", "create").stdout
    assert line.startswith("ssh-ed25519 ")
    assert hotspot(tmp_path, "keys", "show").stdout == line
    assert hotspot(tmp_path, "plan", "no-such-ap").returncode == 2
    done = hotspot(tmp_path, "plan", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["access_points"][0]["outcome"] == "not-adopted"
    assert hotspot(tmp_path, "apply", "--yes", "--confirm", "soon").returncode == 2


def test_a_mistyped_state_folder_is_no_empty_city(tmp_path: Path) -> None:
    """Reading makes nothing, and says which folder it looked at."""
    wrong = tmp_path / "nirkabl"
    report = ["report", "coverage", "--period", "2026-11", "--out", str(tmp_path / "out")]
    lists = ["audit", "session", "site", "voucher", "complaint", "member", "block", "consent", "order", "maintenance"]
    commands = [*([name, "list"] for name in lists), report]
    commands += [["audit", "verify"], ["plan"], ["status"], ["keys", "show"], ["portal", "status"]]
    commands.append(["radius", "status"])
    for command in commands:
        done = hotspot(wrong, *command)
        assert done.returncode == 2, (command, done.stdout, done.stderr)
        assert str(wrong) in done.stderr, (command, done.stderr)
        assert not wrong.exists(), command
    done = hotspot(wrong, "activate", "--dry-run", written(tmp_path, sites_toml()))
    assert (done.returncode, "would become revision 1" in done.stdout, wrong.exists()) == (0, True, False)
    assert hotspot(tmp_path / "right", "activate", written(tmp_path, sites_toml())).returncode == 0
    assert hotspot(tmp_path / "right", "audit", "verify").returncode == 0


def test_a_change_is_shown_and_asked_for_where_it_is_seldom_meant(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "sites.toml").read_text()
    assert hotspot(tmp_path, "activate", written(tmp_path, text)).returncode == 0
    half = text.replace('id = "taman-kota-1"', 'id = "taman-kota-9"')
    done = hotspot(tmp_path, "activate", written(tmp_path, half))
    assert (done.returncode, "site gone (" in done.stderr, "--yes" in done.stderr) == (2, True, True), done.stderr
    told = hotspot(tmp_path, "activate", "--dry-run", "--json", written(tmp_path, half))
    assert json.loads(told.stdout)["grave"][0].startswith("site gone (")
    assert "revision 1 #1" in hotspot(tmp_path, "audit", "list").stdout
    elsewhere = text.replace('region = "36.74"', 'region = "36.71"').replace('"36.74.', '"36.71.')
    done = hotspot(tmp_path, "activate", written(tmp_path, elsewhere))
    assert (done.returncode, "the region was 36.74, and is 36.71 now" in done.stderr) == (2, True)
    plan = text.replace('data_per_day = "1 GB"', 'data_per_day = "2 GB"')
    done = hotspot(tmp_path, "activate", written(tmp_path, plan))
    assert (done.returncode, "plan changed (1): umum" in done.stdout) == (0, True), done.stdout + done.stderr
    assert hotspot(tmp_path, "activate", "--yes", written(tmp_path, half)).returncode == 0


def rendering(tmp_path: Path) -> None:
    sites = written(tmp_path, sites_toml())
    hotspot(tmp_path, "secrets", "create", "--sites", sites)
    assert hotspot(tmp_path, "activate", sites).returncode == 0


def test_render_shows_what_would_be_sent_and_no_secret(tmp_path: Path) -> None:
    rendering(tmp_path)
    done = hotspot(tmp_path, "render", "bed-ap1")
    assert (done.returncode, done.stderr) == (0, "")
    values = read_env_file(tmp_path / "hotspot.env")
    assert not any(value in done.stdout for value in values.values())
    assert "==> /etc/opennds/opennds.conf (0600, " in done.stdout
    assert "faskey [secret]" in done.stdout
    assert "inner=[secret]" in done.stdout
    assert "reload /etc/opennds/opennds.conf" in done.stdout
    answer = json.loads(hotspot(tmp_path, "render", "bed-ap1", "--json").stdout)
    assert (answer["ap"], answer["kind"], answer["refused"]) == ("bed-ap1", "debian", [])
    shown = {file["path"]: file for file in answer["files"]}
    assert shown["/etc/nirkabel/dnsmasq.conf"]["mode"] == "0644"
    one = hotspot(tmp_path, "render", "bed-ap1", "/etc/nirkabel/dnsmasq.conf").stdout
    assert one == shown["/etc/nirkabel/dnsmasq.conf"]["text"]


def test_render_ends_as_its_codes_say(tmp_path: Path) -> None:
    assert hotspot(tmp_path, "render", "bed-ap1").returncode == 2, "nothing is active"
    rendering(tmp_path)
    assert hotspot(tmp_path, "render", "no-such-ap").returncode == 2
    assert hotspot(tmp_path, "render", "bed-ap1", "/etc/passwd").returncode == 2
    assert hotspot(tmp_path, "render", "bed-ap1", "/etc/passwd", "--diff").returncode == 2
    draft = tmp_path / "draft.toml"
    draft.write_text(sites_toml(network="10.211.0.1/24"))
    done = hotspot(tmp_path, "render", "bed-ap1", "/etc/nirkabel/dnsmasq.conf", "--sites", str(draft))
    assert "10.211.0.1" in done.stdout
    draft.write_text(sites_toml().replace('resolvers = ["10.199.0.1"]', ""))
    done = hotspot(tmp_path, "render", "bed-ap1", "--sites", str(draft))
    assert done.returncode == 2
    assert "wifi.resolvers: " in done.stderr
    hotspot(tmp_path, "keys", "create")
    assert hotspot(tmp_path, "render", "bed-ap1", "--diff").returncode == 1, "it was not adopted"


def test_the_audit_trail_is_listed_and_verified(tmp_path: Path) -> None:
    hotspot(tmp_path, "activate", written(tmp_path, sites_toml()))
    listed = hotspot(tmp_path, "audit", "list").stdout
    assert "revision 1 #1" in listed
    assert "activate  file=sites.toml" in listed
    assert hotspot(tmp_path, "audit", "list", "ap9").stdout == ""
    heads = tmp_path / "heads.json"
    heads.write_text(hotspot(tmp_path, "audit", "verify", "--json").stdout)
    done = hotspot(tmp_path, "audit", "verify", "--against", str(heads))
    assert (done.returncode, done.stdout) == (0, "1 of 1 chains are whole, 1 entries\n")
    heads.write_text(heads.read_text().replace('"entries": 1', '"entries": 2'))
    done = hotspot(tmp_path, "audit", "verify", "--against", str(heads))
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "revision 1: entries 2 to 2 are gone")
    heads.write_text("{}")
    assert hotspot(tmp_path, "audit", "verify", "--against", str(heads)).returncode == 2


def completed(state: Path, *words: str) -> list[str]:
    """What bash is offered for the last word."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(state), "HOTSPOT_STATE": str(state)}
    asked = {"_HOTSPOT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = commands.hotspot(env=environment | asked)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_shells_complete_commands_access_points_and_selectors(tmp_path: Path) -> None:
    assert completed(tmp_path, "hotspot", "plan", "be") == [], "nothing is active, and nothing is said about it"
    hotspot(tmp_path, "activate", written(tmp_path, sites_toml()))
    assert completed(tmp_path, "hotspot", "rec") == ["reconcile"]
    assert completed(tmp_path, "hotspot", "plan", "be") == ["bed-ap1"]
    assert completed(tmp_path, "hotspot", "adopt", "be") == ["bed-ap1"]
    assert completed(tmp_path, "hotspot", "plan", "si") == ["site:taman-uji"]
    for shell in ("bash", "zsh", "fish"):
        done = hotspot(tmp_path, "completion", shell)
        assert (done.returncode, "_HOTSPOT_COMPLETE" in done.stdout) == (0, True)
    assert hotspot(tmp_path, "completion", "tcsh").returncode == 2
    script = tmp_path / "completion.bash"
    script.write_text(hotspot(tmp_path, "completion", "bash").stdout)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
