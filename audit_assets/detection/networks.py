"""The network that an address is in, which changes less often than the address itself (docs/facts/threats.md, 4)."""

import polars as pl

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_V4 = rf"^({_OCTET}\.{_OCTET})\.{_OCTET}\.{_OCTET}$"
_V6 = "^(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|[0-9a-f:]*::[0-9a-f:]*)$"
_GROUPS = 8


def network_of(address: pl.Expr) -> pl.Expr:
    """The /16 of an IPv4 address and the /48 of an IPv6 one, as `203.0.0.0/16` and `2001:db8:7::/48`; null for any
    other text. Addresses must have the one spelling that `canonical_address` gives them."""
    v4 = address.str.extract(_V4) + ".0.0/16"
    return pl.coalesce(v4, pl.when(address.str.contains(_V6)).then(_slash_48(address)))


def _slash_48(address: pl.Expr) -> pl.Expr:
    halves = address.str.splitn("::", 2).struct
    before, after = (_groups(halves.field(field)) for field in ("field_0", "field_1"))
    written = before.list.len() + after.list.len()
    left_out = pl.lit("0").repeat_by(pl.max_horizontal(_GROUPS - written.cast(pl.Int64), pl.lit(0)))
    first = pl.concat_list(before, left_out, after).list.head(3).list.join(":")
    return first.str.replace("(?::0)+$", "").str.replace("^0$", "") + "::/48"


def _groups(half: pl.Expr) -> pl.Expr:
    return half.fill_null("").str.split(":").list.filter(pl.element() != "")
