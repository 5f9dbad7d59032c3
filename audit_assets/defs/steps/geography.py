"""Which autonomous system and country an address is in, as the MMDB file has it that AUDIT_ASSETS_GEOIP names.

The files of MaxMind, IPinfo and DB-IP have these under different keys; what a file does not hold is not known. Without
the setting nothing is read. The reader is the package maxminddb, of the extra `geo`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_assets.config.errors import SettingError
from audit_assets.config.settings import setting

if TYPE_CHECKING:
    from maxminddb.reader import Reader

SETTING = "AUDIT_ASSETS_GEOIP"

PLACES = pl.Schema({"address": pl.String, "system": pl.String, "place": pl.String})
"""Per address the number of its autonomous system (`AS64500`), and both it with its name and the country, for people
(`AS64500 Example Hosting, DE`); null if not known."""


@dataclass(frozen=True)
class Geography:
    """An open file. `edition`: what was read, so that another edition makes stored networks anew."""

    edition: str
    _reader: "Reader"

    def places_of(self, addresses: Iterable[str]) -> pl.DataFrame:
        """PLACES of addresses as `canonical_address` spells them; one that is none has no place."""
        rows = [(address, *self._place(address)) for address in dict.fromkeys(addresses)]
        return pl.DataFrame(rows, schema=PLACES, orient="row")

    def _place(self, address: str) -> tuple[str | None, str | None]:
        try:
            found: Any = self._reader.get(address)
        except (ValueError, RuntimeError):  # no address, an IPv6 one in a file of IPv4, a damaged record
            return None, None
        if not isinstance(found, dict):
            return None, None
        number = str(found.get("autonomous_system_number") or found.get("asn") or "").upper().removeprefix("AS")
        system = f"AS{number}" if number.isdecimal() else None
        name = found.get("autonomous_system_organization") or found.get("as_name") or found.get("name")
        of_system = f"{system} {name}" if system and isinstance(name, str) else system
        parts = [part for part in (of_system, _country(found)) if part]
        return system, ", ".join(parts) or None


def open_geography() -> Geography | None:
    """The file that AUDIT_ASSETS_GEOIP names; None if it names none. Raises `SettingError` if the file can't be read,
    or the package that reads it is not installed."""
    path = setting(SETTING)
    if not path:
        return None
    try:
        import maxminddb
    except ModuleNotFoundError:
        raise SettingError(
            f"{SETTING} is set, and the package maxminddb is not installed: pip install 'audit-assets[geo]'."
        ) from None
    try:
        reader = maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError):
        raise SettingError(f"{SETTING} is {path!r}: no MMDB file can be read there. Name one, or unset it.") from None
    known = reader.metadata()
    built = datetime.fromtimestamp(known.build_epoch, UTC)
    return Geography(f"{known.database_type} of {built:%Y-%m-%d %H:%M:%S}", reader)


def _country(found: dict[str, Any]) -> str | None:
    country = found.get("country_code") or found.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else country
    return code if isinstance(code, str) else None
