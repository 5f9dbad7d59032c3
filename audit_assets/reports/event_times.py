"""Times of a file of events, in the forms in which databases and people write them, as timestamps in UTC."""

import polars as pl

FORMS = "2026-09-01T09:00:00Z, 2026-09-01 09:00:00.5+02, 20260901T0900 or 2026-09-01, in UTC if it names no zone"
"""What is read, for an error."""

_ISO = (
    r"^\s*(?P<day>[0-9]{4}-?[0-9]{2}-?[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<decimals>[0-9]+))?)?"
    r"\s?(?P<zone>[Zz]|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*$"
)
"""ISO 8601, extended or basic, from a date to parts of a second; a zone may be hours alone, as PostgreSQL writes it."""

UTC = pl.Datetime("us", "UTC")


def parse_times(times: pl.Series) -> pl.Series:
    """Times in UTC, in whole microseconds; null where a value is not a time. In: texts, dates, whole numbers such as
    20260901, or timestamps, which are in UTC if they have no zone."""
    if isinstance(times.dtype, pl.Datetime):
        zoned = times.dt.replace_time_zone("UTC") if times.dtype.time_zone is None else times
        return zoned.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    if times.dtype == pl.Date:
        return times.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if times.dtype != pl.String and not times.dtype.is_integer():
        return pl.Series(times.name, [None] * len(times), UTC)
    return times.cast(pl.String).to_frame("text").select(_parsed(pl.col("text")).alias(times.name)).to_series()


def _parsed(text: pl.Expr) -> pl.Expr:
    part = text.str.extract_groups(_ISO).struct
    digits = part.field("day").str.replace_all("-", "", literal=True)
    zone = part.field("zone").str.replace_all(r"[^0-9+-]", "")
    offset = pl.when(zone.str.len_chars() > 0).then(zone.str.pad_end(5, "0")).otherwise(pl.lit("+0000"))
    return pl.format(
        "{}{}{}{}.{}{}",
        digits,
        part.field("hour").fill_null("00"),
        part.field("minute").fill_null("00"),
        part.field("second").fill_null("00"),
        part.field("decimals").fill_null("0").str.head(6),
        offset.fill_null("+0000"),
    ).str.to_datetime("%Y%m%d%H%M%S%.f%z", strict=False, time_unit="us", time_zone="UTC")
