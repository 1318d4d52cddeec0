"""The main job, end to end, with a real openNDS: a blank access point is configured over SSH, a phone is held back and
admitted, its use and the site's uptime are recorded, and a coverage report comes out.
"""

import csv
import json
import time
from pathlib import Path

import pytest

from tests.bed import city
from tests.bed.house import House
from tests.bed.net import INTERNET, INTERNET_NAME, wait_until

pytestmark = pytest.mark.system

SITE = f"http://{INTERNET_NAME}/"


def online(house: House, number: int = 0) -> bool:
    return house.bed.clients[number].get(SITE)[0] == 200


def sessions(house: House, *options: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = house.json("session", "list", *options)
    return found


def use(house: House, number: int = 0, size: int = 3_000_000) -> None:
    """Downloads some bytes from the internet."""
    (house.folder / "web" / "big").write_bytes(bytes(size))
    status, _, _ = house.bed.clients[number].get(f"http://{INTERNET}:8080/big", "-o", "/dev/null")
    assert status == 200


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_phone_gets_online_and_is_put_out(tmp_path: Path, level: int) -> None:
    """FAS levels 1 to 3, the last over TLS through authmon."""
    with House(tmp_path, level=level, clients=1) as house:
        house.start()
        applied = house.configure()
        assert city.AP in applied
        [phone] = house.bed.clients
        house.join(phone)
        status, where, _ = phone.get(SITE)
        assert status in (302, 307)
        assert where.startswith(f"{house.url}/g/{city.GATEWAY}?fas=")
        assert not online(house) or phone.get(SITE)[1]

        seen = house.phone(phone, SITE, "click-through")
        assert seen.status == 200, seen
        assert ("Menyambungkan" if level == 3 else "Anda tersambung") in seen.text
        # authmon asks every ten seconds, and does nothing that time where ndsctl is in use by another.
        house.until(lambda: online(house), "the phone is online", 60)
        use(house)
        wait_until(lambda: any(int(str(row["down"])) >= 3_000_000 for row in sessions(house)), "the use is counted")
        status_page = house.phone(phone, seen.url, "look")
        assert "Anda tersambung" in status_page.text
        assert "Sisa waktu" in status_page.text

        [session] = sessions(house)
        outcome = house.json("session", "disconnect", str(session["id"]), "--wait", "30")
        assert outcome["state"] == "done"
        assert phone.get(SITE)[0] != 200
        wait_until(lambda: not sessions(house), "the session has ended")
        [ended] = sessions(house, "--all")
        assert ended["cause"] == "Admin-Reset"


def test_the_main_job(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.start()
        house.configure()
        assert [ap["state"] for ap in house.json("plan")["access_points"]] == ["in-sync"]
        one, two = house.bed.clients
        house.join(one)
        house.join(two)

        # a voucher lets one in, a member the other; logging out works on the page
        code = house.json("voucher", "create", "--site", "taman-uji", "--plan", "umum")["codes"][0]
        house.run("member", "add", "sari", stdin="rahasia sekali\n")
        assert "tidak dikenal" in house.phone(one, SITE, "voucher", code="0000-0000-000").alert
        assert "Anda tersambung" in house.phone(one, SITE, "voucher", code=code).text
        assert "salah" in house.phone(two, SITE, "member", name="sari", password="tebak tebak").alert
        page = house.phone(two, SITE, "member", name="sari", password="rahasia sekali")
        assert "Anda tersambung" in page.text
        assert online(house, 0)
        assert online(house, 1)
        use(house, 0)
        wait_until(lambda: {row["method"] for row in sessions(house)} == {"voucher", "member"}, "both are counted")
        assert "Sambungan berakhir" in house.phone(two, page.url, "out").text
        wait_until(lambda: not online(house, 1), "the second is out")

        # the site's uptime: up, an outage, up again
        wait_until(lambda: _state(house) == "UP", "the site is UP")
        house.bed.ap.cut()
        wait_until(lambda: _state(house) == "DOWN", "the site is DOWN")
        house.bed.ap.mend()
        wait_until(lambda: _state(house) == "UP", "the site is UP again")

        # the report is made of what was recorded
        period = time.strftime("%Y-%m", time.gmtime(time.time() + 7 * 3600))
        out = tmp_path / "report"
        house.run("report", "coverage", "--period", period, "--out", str(out))
        manifest = json.loads((out / "manifest.json").read_text())
        assert manifest["provisional"] is True
        [row] = list(csv.DictReader((out / "titik.csv").open()))
        assert row["id_titik"] == "taman-uji"
        assert int(row["jumlah_sesi"]) == 2
        assert int(row["pengguna_unik"]) == 2
        assert float(row["volume_unduh_gb"]) >= 0.003
        # Of the month only these seconds were watched: the strict figure counts the rest against the site.
        assert float(row["ketersediaan_persen"]) < 1
        assert float(row["kelengkapan_data_persen"]) < 1
        recorded = json.loads((out / "inputs.json").read_text())["access_points"][city.AP]
        states = [state for begin, end, state in recorded if end > begin]
        assert states.index("up") < states.index("down") < len(states) - 1
        assert states[-1] == "up"
        feature = json.loads((out / "titik.geojson").read_text())["features"][0]
        assert feature["geometry"]["coordinates"] == [106.6653, -6.3018]
        assert (out / "laporan.pdf").read_bytes().startswith(b"%PDF")
        assert house.run("report", "verify", str(out))


def _state(house: House) -> str:
    [site] = house.json("site", "list")
    return str(site["state"]).upper()
