"""Many unusual hours make the detector less sensitive: that is on a ticket at midnight, whether anybody acts or not."""

from datetime import UTC, datetime, timedelta

import polars as pl

from audit_assets.detection.threshold_falls import find_threshold_falls
from audit_assets_tests.detection.streams import burst, quiet, score_events, stream
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, v2_entry

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
ACTORS = 12


def poisoned_history() -> pl.DataFrame:
    """Seventy calm days, and a fortnight in which each of a dozen actors has an unusual hour every other day or so."""
    began = MIDNIGHT - 85 * DAY
    calm = quiet(days=84, actors=ACTORS, seed=3, a_day=16)
    calm = calm.with_columns(pl.col("time") + (began - calm["time"][0].replace(hour=0)))
    poison = [
        burst(f"actor-{(5 * day + each) % ACTORS}", began + day * DAY + (9 + 2 * each) * HOUR, 40, "type-0")
        for day in range(70, 84)
        for each in range(5)
    ]
    return stream([calm, *poison])


def test_a_fall_of_the_threshold_is_on_a_ticket_of_its_own_once(pipeline: Pipeline) -> None:
    events = poisoned_history()
    [fall] = find_threshold_falls(score_events(events), [MIDNIGHT - day * DAY for day in range(20)]).to_dicts()
    later = MIDNIGHT - fall["hour"]  # so that the day on which it is found is the one that is judged
    entries = [
        v2_entry(time + later, actor=f"{actor}@example.com", resource_type=kind, number=number)
        for number, (time, actor, kind) in enumerate(
            events.filter(pl.col("time") < fall["hour"]).select("time", "actor", "resource_type").iter_rows()
        )
    ]
    pipeline.remember(entries)
    assert pipeline.run(MIDNIGHT).success
    [flagged] = pipeline.summary(MIDNIGHT)["flagged"]
    [deviation] = flagged["deviations"]
    assert (flagged["actor"], flagged["severity"]) == ("the alert threshold", "high")
    assert (deviation["kind"], deviation["judged_against"]) == ("threshold_fall", "well_known")
    assert deviation["changes"] > 2 * deviation["baseline_mean"]
    assert deviation["threshold_before"] >= 2 * deviation["threshold"]
    assert len(deviation["members"]) == ACTORS
    [ticket] = pipeline.tickets()
    hours = f"{deviation['changes']} hours of 12 well-known actors in 14 days"
    assert ticket["title"].startswith(f"unusual hours make the detector less sensitive: {hours}, ")
    text = ticket["description"]
    assert text.startswith("In the hour 2026-11-22 00:00 UTC, unusual hours had made the detector less sensitive: ")
    assert "in the 14 days to 2026-11-22 00:00 UTC, " in text
    assert "`actor-" in text
    assert "confirmed-incident" in text
    assert "What was done" not in text, "it is not about this hour"
    before = pipeline.tickets()
    assert pipeline.run(MIDNIGHT).success
    assert pipeline.summary(MIDNIGHT)["flagged"][0]["ticket"]["outcome"] == "already_on_ticket"
    pipeline.clock.sleep(HOUR / timedelta(seconds=1))
    assert pipeline.run(MIDNIGHT + HOUR).success
    assert pipeline.summary(MIDNIGHT + HOUR)["flagged"] == []
    assert pipeline.tickets() == before
