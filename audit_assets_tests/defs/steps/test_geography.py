"""Systems and countries of addresses come from the file that AUDIT_ASSETS_GEOIP names, whoever made it."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.config.errors import SettingError
from audit_assets.defs.steps.geography import open_geography
from audit_assets.defs.steps.origin_history import networks_of


def write(path: Path, networks: Mapping[str, Any]) -> str:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-ASN")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return str(path)


@pytest.mark.parametrize(
    ("record", "network", "place"),
    [
        (
            {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Hosting"},
            "AS64500",
            "AS64500 Example Hosting",
        ),
        ({"asn": "AS64500", "as_name": "Example", "country_code": "DE"}, "AS64500", "AS64500 Example, DE"),
        ({"country": {"iso_code": "NZ"}}, "203.0.0.0/16", "NZ"),
        ({"asn": "none", "country": ["?"]}, "203.0.0.0/16", None),
        ("nothing of use", "203.0.0.0/16", None),
    ],
)
def test_files_of_several_makers_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Any, network: str, place: str | None
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_GEOIP", write(tmp_path / "a.mmdb", {"203.0.113.0/24": record}))
    rows = networks_of(["203.0.113.7", "[203.0.113.7]:443", "::ffff:203.0.113.7"], open_geography()).rows()
    assert {row[1:] for row in rows} == {(network, place)}


def test_an_address_that_the_file_lacks_keeps_the_network_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_GEOIP", write(tmp_path / "a.mmdb", {"203.0.113.0/24": {"asn": 64500}}))
    rows = networks_of(["198.51.100.9", "2001:db8:7::1", "nowhere", None], open_geography()).sort("address").rows()
    assert rows == [
        ("198.51.100.9", "198.51.0.0/16", None),
        ("2001:db8:7::1", "2001:db8:7::/48", None),
        ("nowhere", None, None),
    ]


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_file_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    path = tmp_path / "a.mmdb"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("AUDIT_ASSETS_GEOIP", str(path))
    with pytest.raises(SettingError, match=r"^AUDIT_ASSETS_GEOIP is '.*': no MMDB file can be read there\."):
        open_geography()


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_GEOIP", "a.mmdb")
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(SettingError, match=r"maxminddb is not installed: pip install 'audit-assets\[geo\]'"):
        open_geography()


def test_doctor_shows_the_file_or_what_is_wrong_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CLOUDFLARE_API_TOKEN", "AXIOM_TOKEN", "LINEAR_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    good = write(tmp_path / "a.mmdb", {"203.0.113.0/24": {"asn": 64500}})
    shown = [
        CliRunner().invoke(app, ["doctor"], env={"AUDIT_ASSETS_GEOIP": path, "COLUMNS": "200"}).output
        for path in (good, "elsewhere.mmdb")
    ]
    assert "networks of addresses are autonomous systems: Test-ASN of " in shown[0]
    without_spaces = "".join(shown[1].split())  # a long path is broken over lines
    assert f"AUDIT_ASSETS_GEOIPis'{tmp_path / 'elsewhere.mmdb'}':noMMDBfilecanbereadthere" in without_spaces
