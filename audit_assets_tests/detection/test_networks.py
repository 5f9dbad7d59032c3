"""An address lies in the network that the standard library puts it in."""

import ipaddress
import random

import polars as pl
import pytest

from audit_assets.cloudflare.addresses import canonical_address
from audit_assets.detection.networks import network_of


def networks(*addresses: str | None) -> list[str | None]:
    frame = pl.DataFrame({"address": addresses}, schema={"address": pl.String})
    return frame.select(network_of(pl.col("address"))).to_series().to_list()


def test_the_network_is_the_slash_16_of_ipv4_and_the_slash_48_of_ipv6() -> None:
    assert networks("203.0.113.9", "2001:db8:7:1::5") == ["203.0.0.0/16", "2001:db8:7::/48"]


def test_every_address_has_the_network_of_the_standard_library() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    v4 = [ipaddress.IPv4Address(chance.getrandbits(32)) for _ in range(500)]
    # groups of zeros anywhere, as they are shortened
    v6 = [
        ipaddress.IPv6Address(sum((chance.getrandbits(16) * chance.randrange(2)) << 16 * at for at in range(8)))
        for _ in range(2_000)
    ]
    addresses = [canonical_address(str(each)) for each in (*v4, *v6)]
    expected = [str(ipaddress.ip_network((each, 48 if ":" in each else 16), strict=False)) for each in addresses]
    assert networks(*addresses) == expected


@pytest.mark.parametrize(
    "text", [None, "", "somewhere", "203.0.113", "256.0.0.1", "1.2.3.4.5", "g::1", ":", "203.0.113.9/24", "a:b", "beef"]
)
def test_what_is_no_address_has_no_network(text: str | None) -> None:
    assert networks(text) == [None]
