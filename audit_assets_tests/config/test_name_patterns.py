"""Names are compared whatever their case, separators and plural, by Python and by polars alike."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.config.name_patterns import folded, folded_column, is_like, names_regex

WRITTEN = (
    "DNS_record",
    "dns.record",
    "dns_records",
    "DNS Records",
    "dns-record",
    "DNSRecord",
    "dnsRecord",
    "dns/record",
)


def is_like_in_polars(name: str, pattern: str) -> bool:
    return pl.select(folded_column(pl.lit(name)).str.contains(names_regex((pattern,)))).item()


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("pattern", WRITTEN)
def test_all_ways_of_writing_a_name_are_one(name: str, pattern: str) -> None:
    assert is_like([name], (pattern,))
    assert is_like_in_polars(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*two_factor*", "enforce_twofactor"),
        ("*twofactor*", "add_enforce_two_factor"),
        ("access policies", "AccessPolicy"),
        ("access_policy", "access_policies"),
        ("*access*polic*", "access.policy"),
        ("*address*", "ip_addresses"),
        ("*/logpush/jobs*", "/accounts/0a1b/logpush/jobs/12"),
        ("SSO*", "sso_connector"),
        ("*", ""),
        ("*", "anything"),
        ("two*factor", "two_x_factor"),
    ],
)
def test_a_pattern_finds(pattern: str, name: str) -> None:
    assert is_like([name], (pattern,))
    assert is_like_in_polars(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("zone", "zone_setting"),
        ("zone*", "the_zone"),
        ("*sso*", "access_organization"),
        ("*cors*", "dns_record"),
        ("*waf*", "new_affinity"),
        ("*token*", "to_kentucky"),
        ("dns_record", ""),
        ("a.c", "abc"),
    ],
)
def test_a_pattern_does_not_find(pattern: str, name: str) -> None:
    assert not is_like([name], (pattern,))
    assert not is_like_in_polars(name, pattern)


NAMES = st.text(st.sampled_from('abyes_. -/*XYZ1(\\[\n"é'), max_size=12)


@given(NAMES, NAMES)
def test_python_and_polars_agree_and_nothing_raises(pattern: str, name: str) -> None:
    assert is_like([name], (pattern,)) == is_like_in_polars(name, pattern)
    assert folded(name) == pl.select(folded_column(pl.lit(name))).item()


@given(st.text(st.sampled_from("abyes_. -/XYZ1"), max_size=12))
def test_a_name_is_like_itself(name: str) -> None:
    assert is_like([name], (name,))
    assert is_like([name], (f"*{name}*",))
