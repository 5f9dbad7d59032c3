"""The picture: the same bytes for the same numbers, whatever these are, and this hour to be seen in it."""

import io
import logging
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from audit_assets.tickets.chart_data import HOURS, Activity
from audit_assets.tickets.chart_drawing import BEFORE, DEVIATING, NOW, SPAN, UNKNOWN, draw_png
from audit_assets_tests.tickets.sample_findings import HOUR

QUIET = {back: 1 + back % 7 for back in range(60, HOURS, 29)}


def picture(activity: Activity) -> np.ndarray:
    """Its points, by height, width and colour."""
    return np.asarray(Image.open(io.BytesIO(draw_png(activity))).convert("RGB"))


def places(points: np.ndarray, colour: str) -> np.ndarray:
    """Heights (from above) and widths of the points of that colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return np.argwhere((points == (red, green, blue)).all(axis=2))


def plotted(points: np.ndarray, colour: str) -> np.ndarray:
    """The same, without the words above the plot and the names below it."""
    found = places(points, colour)
    return found[(found[:, 0] > 190) & (found[:, 0] < 700)]


def test_this_hour_is_at_the_end_above_all_others() -> None:
    points = picture(Activity(HOUR, QUIET | {0: 45}, baseline_mean=3.1))
    assert points.shape == (800, 1600, 3)
    this, before = plotted(points, NOW), plotted(points, BEFORE)
    assert this[:, 1].min() > 1_500 > before[:, 1].max()
    assert this[:, 0].min() < before[:, 0].min()
    assert not len(places(points, DEVIATING))
    assert not len(places(points, SPAN))
    assert not len(places(points, UNKNOWN))


def test_new_types_a_span_and_days_without_history_are_shown() -> None:
    shown = Activity(HOUR, QUIET | {0: 45}, {0: 5}, span=24, span_changes=60, span_baseline_mean=4.0, known=400)
    points = picture(shown)
    new, this = (one[one[:, 1] > 1_500] for one in (plotted(points, DEVIATING), plotted(points, NOW)))
    assert new[:, 0].min() > this[:, 0].min()
    assert places(points, SPAN)[:, 1].max() > 1_500
    assert plotted(points, UNKNOWN)[:, 1].max() < 1_600 / 2


def test_a_burst_does_not_hide_the_rest() -> None:
    """On a linear scale 7 of 50,000 would be less than a point high."""
    points = picture(Activity(HOUR, QUIET | {0: 50_000}))
    before = plotted(points, BEFORE)
    assert before[:, 0].max() - before[:, 0].min() > 80


ANY = {
    "nothing": Activity(HOUR, {}),
    "nothing in the hour": Activity(HOUR, {300: 5}, known=0),
    "an hour alone": Activity(HOUR, {0: 1}, {0: 1}),
    "very much": Activity(HOUR, {0: 10**12, 1: 1, 720: 3}, {0: 10**11, 720: 3}, baseline_mean=0.0),
    "every hour": Activity(
        HOUR, dict.fromkeys(range(HOURS + 1), 50), baseline_mean=1e12, span=6, span_baseline_mean=float("nan")
    ),
}


@pytest.mark.parametrize("numbers", ANY)
def test_any_numbers_are_a_picture(numbers: str) -> None:
    assert len(places(picture(ANY[numbers]), NOW)) > 100


def test_the_same_numbers_are_the_same_bytes_and_nobody_s_settings_have_a_say(caplog: pytest.LogCaptureFixture) -> None:
    activity = Activity(HOUR, QUIET | {0: 45}, baseline_mean=3.1)
    ours = draw_png(activity)
    assert ours == draw_png(activity)
    theirs: Any = {"text.usetex": True, "font.family": "No Such Font", "axes.facecolor": "red", "savefig.dpi": 7}
    with mpl.rc_context(theirs), caplog.at_level(logging.WARNING):
        assert draw_png(activity) == ours
        assert mpl.rcParams["axes.facecolor"] == "red", "and ours are not left behind"
    assert caplog.messages == []
    assert b"matplotlib" not in ours.lower(), "another release draws the same picture though its bytes would differ"
