"""A compressed hour has the same entries as an uncompressed one, in whichever order they came."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.cloudflare import compressed_hours
from audit_assets.cloudflare.compressed_hours import CompressedHour
from audit_assets.cloudflare.entries import ENTRY_SCHEMA, normalize_entries
from audit_assets_tests.cloudflare.samples import ACCOUNT, spread

WHOLE = normalize_entries(spread("v2", 60, timedelta(seconds=20)), "v2", ACCOUNT)[0].sort("time", "entry_id")


def compressed(frames: Sequence[pl.DataFrame]) -> CompressedHour:
    """The frames, added one after the other, with four rows in a block."""
    hour = CompressedHour()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compressed_hours, "BLOCK_ROWS", 4)
        for frame in frames:
            hour.add(frame)
    return hour


def test_an_hour_without_entries_is_an_empty_frame() -> None:
    assert CompressedHour().entries().collect().equals(ENTRY_SCHEMA.to_frame())


@given(order=st.permutations(range(12)), size=st.integers(1, 9), tied=st.booleans())
def test_entries_come_out_by_time_however_they_came(order: list[int], size: int, tied: bool) -> None:
    whole = WHOLE.with_columns(time=pl.col("time").min()).sort("entry_id") if tied else WHOLE
    frames = [whole[place * size : (place + 1) * size] for place in order]
    hour = compressed(frames)
    assert hour.height == sum(frame.height for frame in frames)
    assert hour.entries().collect().equals(whole.head(12 * size))


def test_an_hour_can_be_read_again_and_grow() -> None:
    hour = compressed([WHOLE[:30]])
    assert hour.entries().collect().equals(hour.entries().collect())
    hour.add(WHOLE[30:])
    assert hour.entries().collect().equals(WHOLE)
