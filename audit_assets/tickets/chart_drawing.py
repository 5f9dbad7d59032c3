"""Draws a chart: PNG bytes, the same for the same numbers.

matplotlib is used through its objects alone, on its own canvas (Agg), with its own defaults and fonts: neither pyplot's
global figures nor a settings file in somebody's home changes a chart. It is imported when the first chart is drawn, so
that a code location loads without it. Only numbers, times and words of ours are drawn.
"""

from datetime import datetime, timedelta
from io import BytesIO
from math import log10
from statistics import median
from typing import Any

from audit_assets.tickets.chart_data import DAYS, HOURS, Activity
from audit_assets.tickets.formatting import day_in_short, number, span_name

INCHES = (8.0, 4.0)
DOTS_PER_INCH = 200
"""1600 by 800: sharp on a desk, where it is shown half as wide, and on a phone."""

LETTERS = 15.0
"""Points, of a picture that is 576 wide: nine pixels high on a phone."""

PLOT = (0.085, 0.115, 0.895, 0.66)
"""Left, bottom, width and height of what is within the axes, as shares of the picture."""

HEAD_LEFT = 0.015
"""Where the words above it begin: nearer to the edge than the axis, as the text of a ticket does."""

A_LINE = 24
"""Points, of the words above the plot."""

BEFORE, NOW, DEVIATING = "#4C78A8", "#D55E00", "#007A5A"
"""Distinguished by everybody (after Okabe and Ito), and by their shapes too."""

INK, LINES, UNKNOWN, SPAN = "#2F323A", "#DCDFE5", "#EEF0F3", "#FBE3D0"

LARGEST_RATIO = 20
"""Where the largest hour has over so many times the changes of a middling one, a linear scale would show it alone."""

LOG_FLOOR = 0.6
"""Where a scale without a zero begins: a little below one change."""

MANY_POWERS = 7
"""From so many powers of ten on, not each of them is named."""

LEAST_HEIGHT = 4
HEADROOM = 0.12
"""Of the height, above the largest hour."""

MANY_HOURS = 120
"""From so many active hours on, their dots are small."""

DOT, SMALL_DOT = 6.0, 3.5

WEEKS_NAMED = (14, 21, 28)
"""Days before the hour's that are named. The name of the hour takes the place of the seventh."""

MARGIN = 12
"""Hours at either side."""

_A_TICK_DOWN = 3
"""matplotlib's number of that mark. Its own ticks for the days would take half of all the time."""


def draw_png(activity: Activity) -> bytes:
    """Draw the chart of an actor's hours."""
    import matplotlib as mpl  # takes half a second
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"font.size": LETTERS, "text.color": INK, "text.parse_math": False})
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH)
        canvas = FigureCanvasAgg(figure)
        _draw(figure.add_axes(PLOT), activity, canvas.get_renderer())
        drawn = BytesIO()
        canvas.print_png(drawn, metadata={"Software": None})
    return drawn.getvalue()


def _draw(axes: Any, activity: Activity, renderer: Any) -> None:
    is_log = _is_log(activity)
    floor = LOG_FLOOR if is_log else 0.0
    _scale(axes, activity, floor, is_log=is_log)
    _days(axes, activity.hour)
    signs = [_now(axes, activity, floor), _deviating(axes, activity), _span(axes, activity)]
    signs += [_before(axes, activity, floor), _usual(axes, activity)]
    _unknown(axes, activity)
    _head(axes, [each for each in signs if each], ", log scale" if is_log else "", renderer)


def _head(axes: Any, signs: list[Any], scale: str, renderer: Any) -> None:
    """The title, and what each sign means: on one line if there is room, else on two."""
    left, bottom, width, height = PLOT
    room = (1 - 2 * HEAD_LEFT) * INCHES[0] * DOTS_PER_INCH
    lines = 1 if _legend(axes, signs, len(signs)).get_window_extent(renderer).width <= room else 2
    if lines > 1:
        _legend(axes, signs, 2)
        axes.set_position((left, bottom, width, height - A_LINE / 72 / INCHES[1]))
    title = axes.set_title(f"Changes per hour in {DAYS} days{scale}", loc="left", pad=15 + A_LINE * lines)
    title.set(x=(HEAD_LEFT - left) / width, fontweight="bold")


def _legend(axes: Any, signs: list[Any], columns: int) -> Any:
    left, _, width, _ = PLOT
    return axes.legend(
        handles=signs,
        loc="lower left",
        bbox_to_anchor=((HEAD_LEFT - left) / width, 1.055),
        borderaxespad=0,
        borderpad=0,
        ncols=columns,
        frameon=False,
        handlelength=1.1,
        handletextpad=0.35,
        columnspacing=1.1,
    )


def _is_log(activity: Activity) -> bool:
    counts = activity.changes.values()
    return bool(counts) and max(counts) > LARGEST_RATIO * median(counts)


def _scale(axes: Any, activity: Activity, floor: float, *, is_log: bool) -> None:
    largest = max([LEAST_HEIGHT, activity.baseline_mean or 0, *activity.changes.values()])
    if is_log:
        axes.set_yscale("log")
        axes.set_ylim(floor, largest * (largest / floor) ** HEADROOM)
        powers = range(int(log10(largest)) + 1)
        axes.set_yticks([10.0**power for power in powers[:: 1 + len(powers) // MANY_POWERS]])
        axes.set_yticks([], minor=True)
    else:
        axes.set_ylim(0, largest * (1 + HEADROOM))
        axes.locator_params(axis="y", integer=True, nbins=4)
    axes.yaxis.set_major_formatter(_in_short)
    axes.grid(axis="y", color=LINES, linewidth=1)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_axisbelow(True)
    axes.spines[["left", "top", "right"]].set_visible(False)


def _in_short(value: float, _: object) -> str:
    """`10`, `2k`, `1.5M`."""
    for letter, unit in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def _days(axes: Any, hour: datetime) -> None:
    """A line for each UTC day, a name for some, and that of the hour at the end."""
    midnight = hour.replace(hour=0)
    place = {days: -hour.hour - 24 * days for days in range(DAYS)}
    names = [day_in_short(midnight - timedelta(days=days)) for days in WEEKS_NAMED]
    axes.set_xlim(-HOURS - MARGIN, MARGIN)
    axes.set_xticks([*(place[days] for days in WEEKS_NAMED), 0], [*names, f"{day_in_short(hour)}, {hour:%H:%M} UTC"])
    axes.tick_params(axis="x", length=8, color=INK, labelcolor=INK)
    at_the_foot = {"transform": axes.get_xaxis_transform(), "clip_on": False, "linestyle": "none"}
    axes.plot(place.values(), [0] * len(place), **at_the_foot, marker=_A_TICK_DOWN, markersize=4, color=INK)
    axes.get_xticklabels()[-1].set(color=NOW, fontweight="bold", horizontalalignment="right", x=MARGIN)


def _now(axes: Any, activity: Activity, floor: float) -> Any:
    """The hour itself, above all else."""
    axes.vlines(0, floor, activity.now, color=NOW, linewidth=3, zorder=5)
    dot = {"markersize": 15, "markeredgecolor": "white", "markeredgewidth": 1.5, "linestyle": "none"}
    (mark,) = axes.plot(0, activity.now, "o", color=NOW, **dot, clip_on=False, zorder=6)
    mark.set_label(f"this hour: {activity.now:,}")
    return mark


def _deviating(axes: Any, activity: Activity) -> Any:
    """What went to the resource types that the ticket is about."""
    if not activity.deviating:
        return None
    before = {-back: count for back, count in activity.deviating.items() if back}
    axes.plot(before.keys(), before.values(), "D", color=DEVIATING, markersize=4, markeredgewidth=0, zorder=4)
    now = activity.deviating.get(0, 0)
    dot = {"markersize": 8, "markeredgecolor": "white", "markeredgewidth": 1, "linestyle": "none"}
    (mark,) = axes.plot(0, now, "D", color=DEVIATING, **dot, clip_on=False, zorder=7)
    mark.set_label(f"{activity.deviating_called}: {now:,}")
    return mark


def _before(axes: Any, activity: Activity, floor: float) -> Any:
    before = {-back: count for back, count in activity.changes.items() if back}
    if not before:
        return None
    axes.vlines(before.keys(), floor, before.values(), color=BEFORE, linewidth=1.6, alpha=0.55, zorder=2)
    dots = {"color": BEFORE, "markeredgewidth": 0, "linestyle": "none"}
    size = DOT if len(before) < MANY_HOURS else SMALL_DOT
    axes.plot(before.keys(), before.values(), "o", **dots, markersize=size, zorder=3)
    (mark,) = axes.plot([], [], "o", **dots, markersize=DOT, label=f"before: up to {max(before.values()):,}")
    return mark


def _usual(axes: Any, activity: Activity) -> Any:
    if activity.baseline_mean is None:
        return None
    label = f"usual: {number(activity.baseline_mean, digits=0)}"
    return axes.axhline(activity.baseline_mean, color=INK, linewidth=1.6, linestyle=(0, (3, 2)), zorder=4, label=label)


def _span(axes: Any, activity: Activity) -> Any:
    """The last hours, where they are unusual together."""
    if activity.span <= 1:
        return None
    usual = "" if activity.span_baseline_mean is None else f", usual {number(activity.span_baseline_mean, digits=0)}"
    active = " active" if activity.span_counts_hours else ""
    label = f"{span_name(activity.span)}: {activity.span_changes:,}{active}{usual}"
    return axes.axvspan(0.5 - activity.span, MARGIN, color=SPAN, linewidth=0, zorder=0, label=label)


def _unknown(axes: Any, activity: Activity) -> None:
    """The days before the history begins: nothing there does not mean that nothing was done."""
    if activity.known >= HOURS:
        return
    left, right = -HOURS - MARGIN, -activity.known - 0.5
    axes.axvspan(left, right, color=UNKNOWN, linewidth=0, zorder=0)
    if right - left > 24 * 6:
        middle = axes.get_xaxis_transform()
        axes.text((left + right) / 2, 0.5, "no history", transform=middle, ha="center", va="center", color="#6B7080")
