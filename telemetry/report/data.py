"""The data files of a pack: titik.csv and titik.geojson. For machines: decimal points, no thousands, no text in colour.

The columns are those that Indonesian open-data portals use for regions; what the inventory does not know stays empty.
"""

import csv
import io
import json
from typing import Any, Final

from hotspot.escape import for_cell
from telemetry.uptime.coverage import Coverage, SiteFigures
from telemetry.uptime.states import Share

COLUMNS: Final = (
    "id_titik",
    "nama_titik",
    "kategori",
    "alamat",
    "kode_provinsi",
    "nama_provinsi",
    "bps_kode_kabupaten_kota",
    "bps_nama_kabupaten_kota",
    "kemendagri_kode_kecamatan",
    "kemendagri_nama_kecamatan",
    "kemendagri_kode_desa_kelurahan",
    "kemendagri_nama_desa_kelurahan",
    "latitude",
    "longitude",
    "ssid",
    "jumlah_ap",
    "teknologi_backhaul",
    "bandwidth_mbps",
    "sumber_dana",
    "tanggal_aktif",
    "status",
    "ketersediaan_persen",
    "kelengkapan_data_persen",
    "pengguna_unik",
    "jumlah_sesi",
    "volume_unduh_gb",
    "volume_unggah_gb",
    "periode",
    "satuan_waktu",
)

KINDS: Final = {"park": "taman", "school": "sekolah", "clinic": "puskesmas"}
_UNITS: Final = {"month": "bulan", "quarter": "triwulan", "year": "tahun"}


def _decimal(hundredths: int | None) -> str:
    return "" if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02d}"


def _percent(share: Share) -> str:
    return _decimal(share.hundredths)


def _gigabytes(value: int) -> str:
    """Six decimals, rounded down: kilobytes."""
    return f"{value // 10**9}.{value % 10**9 // 1000:06d}"


def _bandwidth(bits: int | None) -> str:
    return "" if bits is None else f"{bits / 10**6:g}"


def record(coverage: Coverage, figures: SiteFigures) -> dict[str, str]:
    """One site as titik.csv has it, every cell a text."""
    site, inventory = figures.site, coverage.inventory
    announced = [one for ap in site.ap for one in inventory.networks_of(site, ap)] or list(inventory.ssid)
    names = sorted({one.name for one in announced if one.isolate})
    district = site.region[:8]
    return {
        "id_titik": for_cell(site.id),
        "nama_titik": for_cell(site.name),
        "kategori": KINDS.get(site.kind, site.kind),
        "alamat": for_cell(site.address or ""),
        "kode_provinsi": site.region[:2],
        "nama_provinsi": for_cell(inventory.regions.get(site.region[:2], "")),
        "bps_kode_kabupaten_kota": "",
        "bps_nama_kabupaten_kota": for_cell(inventory.city.name),
        "kemendagri_kode_kecamatan": district,
        "kemendagri_nama_kecamatan": for_cell(inventory.regions.get(district, "")),
        "kemendagri_kode_desa_kelurahan": site.region,
        "kemendagri_nama_desa_kelurahan": for_cell(inventory.regions.get(site.region, "")),
        "latitude": repr(site.location[0]),
        "longitude": repr(site.location[1]),
        "ssid": for_cell("; ".join(names)),
        "jumlah_ap": str(figures.access_points),
        "teknologi_backhaul": for_cell(site.backhaul or ""),
        "bandwidth_mbps": _bandwidth(site.bandwidth),
        "sumber_dana": for_cell(site.funding),
        "tanggal_aktif": site.since.isoformat(),
        "status": "aktif" if figures.active else "tidak aktif",
        "ketersediaan_persen": _percent(figures.states.strict),
        "kelengkapan_data_persen": _percent(figures.states.completeness),
        "pengguna_unik": str(figures.usage.persons),
        "jumlah_sesi": str(figures.usage.sessions),
        "volume_unduh_gb": _gigabytes(figures.usage.down),
        "volume_unggah_gb": _gigabytes(figures.usage.up),
        "periode": coverage.period.name,
        "satuan_waktu": _UNITS[coverage.period.kind],
    }


def titik_csv(coverage: Coverage) -> bytes:
    """UTF-8, comma, CRLF (RFC 4180), one row for each site."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(record(coverage, figures) for figures in coverage.sites)
    return text.getvalue().encode()


def _feature(coverage: Coverage, figures: SiteFigures) -> dict[str, Any]:
    site, states = figures.site, figures.states
    return {
        "type": "Feature",
        "id": site.id,
        "geometry": {"type": "Point", "coordinates": [site.location[1], site.location[0]]},
        "properties": {
            "nama_titik": site.name,
            "kategori": KINDS.get(site.kind, site.kind),
            "kemendagri_kode_desa_kelurahan": site.region,
            "kemendagri_nama_desa_kelurahan": coverage.inventory.regions.get(site.region),
            "sumber_dana": site.funding,
            "status": "aktif" if figures.active else "tidak aktif",
            "penilaian": str(figures.verdict),
            "target_persen": figures.target,
            "ketersediaan_persen": _number(states.strict),
            "ketersediaan_tanpa_pengecualian_persen": _number(figures.unexcluded.strict),
            "kelengkapan_data_persen": _number(states.completeness),
            "detik_naik": states.up,
            "detik_turun": states.down,
            "detik_tidak_diketahui": states.unknown,
            "detik_dikecualikan": states.excluded,
            "jumlah_sesi": figures.usage.sessions,
            "pengguna_unik": figures.usage.persons,
            "periode": coverage.period.name,
            "sementara": coverage.provisional,
        },
    }


def _number(share: Share) -> float | None:
    return None if share.hundredths is None else share.hundredths / 100


def titik_geojson(coverage: Coverage) -> bytes:
    """A FeatureCollection of points (RFC 7946: longitude, latitude, WGS 84)."""
    collection = {
        "type": "FeatureCollection",
        "features": [_feature(coverage, figures) for figures in coverage.sites],
    }
    return (json.dumps(collection, ensure_ascii=False, indent=1) + "\n").encode()
