"""Addresses and user agents are compared by what stays of them."""

import polars as pl
import pytest

from audit_assets.detection.origin_uses import CUT, ORIGIN_USES, product_of, uses_of, uses_within
from audit_assets_tests.detection.streams import at

WINDOWS_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "product"),
    [
        (WINDOWS_CHROME.format("126.0.0.0"), "Chrome, Windows"),
        (WINDOWS_CHROME.format("127.0.1.0"), "Chrome, Windows"),
        (WINDOWS_CHROME.format("126.0.0.0") + " Edg/126.0.0.0", "Edge, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox, Macintosh"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5) Version/17.5 Mobile/15E148 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0", "mozilla"),
        ("Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-cloudflare/5.1.0", "terraform"),
        ("curl/8.7.1", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("x" * 900, "x" * 60),
        ("", None),
        (None, None),
    ],
)
def test_a_product_has_no_version(agent: str | None, product: str | None) -> None:
    frame = pl.DataFrame({"agent": [agent]}, schema={"agent": pl.String})
    assert frame.select(product_of(pl.col("agent"))).item() == product


def test_what_an_entry_lacks_is_no_part_and_versions_are_one_use() -> None:
    whence = {"actor": "anne", "hour": at(1), "network": "192.0.0.0/16", "interface": "dash", "token": ""}
    rows = pl.DataFrame(
        [
            {**whence, "agent": "curl/8.1", "changed": False},
            {**whence, "agent": "curl/8.2", "changed": True},
            {**whence, "network": None, "interface": "ui", "agent": None, "changed": False},
        ],
        schema_overrides={"network": pl.String, "agent": pl.String},
    )
    uses = uses_of(rows)
    assert uses.schema == ORIGIN_USES
    assert uses.select("part", "value", "changed").sort("part").rows() == [
        ("interface", "dashboard", True),
        ("network", "192.0.0.0/16", True),
        ("product", "curl", True),
    ]


def test_who_has_more_than_is_listed_stays_known_as_such() -> None:
    rows = [
        ("anne", at(1), "network", "a", True),
        ("anne", at(5), "network", "b", True),
        ("boris", at(0), CUT, None, False),
    ]
    uses = pl.DataFrame(rows, schema=ORIGIN_USES, orient="row")
    assert uses_within(uses, at(5), at(6))["actor"].to_list() == ["anne", "boris"]
