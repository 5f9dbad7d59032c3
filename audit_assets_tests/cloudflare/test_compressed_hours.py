"""An hour that is packed is the same as one that is not, in whichever order its entries came."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.cloudflare import packed_hours as packs
from audit_assets.cloudflare.entries import ENTRY_SCHEMA, normalize_entries
from audit_assets.cloudflare.packed_hours import PackedHour
from audit_assets_tests.cloudflare.samples import ACCOUNT, spread

WHOLE = normalize_entries(spread("v2", 60, timedelta(seconds=20)), "v2", ACCOUNT)[0].sort("time", "entry_id")


def packed(frames: Sequence[pl.DataFrame]) -> PackedHour:
    """The frames taken in one after the other, four rows to a pack."""
    hour = PackedHour()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(packs, "ROWS", 4)
        for frame in frames:
            hour.add(frame)
    return hour


def test_an_hour_into_which_nothing_came_is_an_empty_frame() -> None:
    assert PackedHour().entries().collect().equals(ENTRY_SCHEMA.to_frame())


@given(order=st.permutations(range(12)), size=st.integers(1, 9), tied=st.booleans())
def test_entries_come_out_by_time_however_they_came(order: list[int], size: int, tied: bool) -> None:
    whole = WHOLE.with_columns(time=pl.col("time").min()).sort("entry_id") if tied else WHOLE
    frames = [whole[place * size : (place + 1) * size] for place in order]
    hour = packed(frames)
    assert hour.height == sum(frame.height for frame in frames)
    assert hour.entries().collect().equals(whole.head(12 * size))


def test_an_hour_may_be_asked_for_again_and_go_on() -> None:
    hour = packed([WHOLE[:30]])
    assert hour.entries().collect().equals(hour.entries().collect())
    hour.add(WHOLE[30:])
    assert hour.entries().collect().equals(WHOLE)
