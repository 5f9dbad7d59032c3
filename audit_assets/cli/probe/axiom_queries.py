"""What is assumed of how Axiom answers queries (docs/facts/axiom.md, 2.3 and 8; docs/facts/apl.md, 5)."""

from datetime import datetime

from audit_assets.axiom.query_runner import INVALID_FIELD
from audit_assets.cli.probe.assumptions import Observation, assumption, decided, either_way, stopping, unknown
from audit_assets.cli.probe.axiom_scene import ENOUGH_EVENTS, AxiomScene
from audit_assets.detection.ranking import REACH
from audit_assets.storage.hours import AN_HOUR

DEFAULT_ROWS = 1_000

FEW_EVENTS = (
    f"no window of the last 31 days holds between {ENOUGH_EVENTS:,} and 45,000 entries: run the probe again once the "
    "history is loaded"
)

EXPLICIT = "Each of its queries ends in a limit of its own, and a result that reaches it is asked for in parts"


@assumption(
    "axiom-limit-50000",
    "A summarize with `limit 50000` returns more than 1,000 rows, and all of them",
    fact="docs/facts/axiom.md, 2.3",
    does=stopping(EXPLICIT),
    stops=True,
)
def a_limit_of_its_own_is_kept(scene: AxiomScene) -> Observation:
    """Group a window of more than 1,000 entries by id, and compare the copies of each with the counts of its hours."""
    if not (window := scene.window()):
        return unknown(FEW_EVENTS)
    start, end, expected = window
    rows = scene.rows("probe/grouped", start, end).rows
    events = sum(int(row["copies"]) for row in rows)
    return decided(events >= expected, f"{len(rows):,} rows came, of {events:,} of {expected:,} events")


@assumption(
    "axiom-distinct-whole",
    "A distinct in the middle of a query passes on more than 1,000 rows, and all of them",
    fact="docs/facts/apl.md, 5",
    does=stopping("It counts changes behind a distinct on the entry's id"),
    stops=True,
)
def a_distinct_is_whole(scene: AxiomScene) -> Observation:
    """Count the distinct ids of that window, and compare with the ids themselves."""
    if not (window := scene.window()):
        return unknown(FEW_EVENTS)
    start, end, _ = window
    ids = len(scene.rows("probe/grouped", start, end).rows)
    if ids <= DEFAULT_ROWS:
        return unknown(f"only {ids:,} ids came: see `axiom-limit-50000`")
    counted = sum(int(row["ids"]) for row in scene.rows("probe/distinct_counted", start, end).rows)
    return decided(counted >= ids, f"{counted:,} of {ids:,} ids were counted")


@assumption(
    "axiom-default-rows",
    "Without a limit of its own a summarize is cut at 1,000 rows",
    fact="docs/facts/axiom.md, 2.3",
    does=either_way(EXPLICIT),
)
def a_summarize_is_cut_by_default(scene: AxiomScene) -> Observation:
    """Group the same window without a limit."""
    if not (window := scene.window()):
        return unknown(FEW_EVENTS)
    rows = len(scene.rows("probe/grouped_without_limit", *window[:2]).rows)
    return decided(rows == DEFAULT_ROWS, f"{rows:,} rows came")


@assumption(
    "axiom-default-warning",
    "A result that the default limit cut has a message with the code default_limit_warning",
    fact="docs/facts/axiom.md, 2.3",
    does=either_way(f"{EXPLICIT}; any warning that is not known to be harmless makes a result unusable"),
)
def a_cut_is_announced(scene: AxiomScene) -> Observation:
    """Look at the messages of that result."""
    if not (window := scene.window()):
        return unknown(FEW_EVENTS)
    result = scene.rows("probe/grouped_without_limit", *window[:2])
    if len(result.rows) > DEFAULT_ROWS:
        return unknown("nothing was cut: see `axiom-default-rows`")
    is_there = "default_limit_warning" in result.codes
    return decided(is_there, f"the code was {'there' if is_there else 'not there'}, of {len(result.codes)} codes")


@assumption(
    "axiom-unknown-field",
    "A query that names an unknown field is answered with 400 and `invalid field`",
    fact="docs/facts/axiom.md, 0.4",
    does=either_way("It takes this for a field that is not visible yet; any other refusal fails the hour"),
)
def an_unknown_field_is_named(scene: AxiomScene) -> Observation:
    """Name a field that no event has."""
    end = _next_hour(scene)
    reply = scene.ask("probe/unknown_field", end - AN_HOUR, end)
    as_assumed = reply.status == 400 and INVALID_FIELD in reply.body.lower()
    words = "with" if INVALID_FIELD in reply.body.lower() else "without"
    return decided(as_assumed, f"it was answered with HTTP {reply.status}, {words} these words")


@assumption(
    "axiom-long-range",
    f"A query may cover {REACH.days} days",
    fact="docs/facts/axiom.md, 0.10",
    does=either_way("A refusal fails each hour whose history is made anew, and names what Axiom answered"),
)
def a_long_range_is_answered(scene: AxiomScene) -> Observation:
    """Count the entries of that many days."""
    end = _next_hour(scene)
    reply = scene.ask("dataset_facts", end - REACH, end)
    if reply.status == 400 and INVALID_FIELD in reply.body.lower():
        return unknown("the dataset holds no entry yet")
    return decided(reply.status == 200, f"it was answered with HTTP {reply.status}")


@assumption(
    "axiom-bad-token",
    "A token that does not exist is answered with 401",
    fact="docs/facts/axiom.md, 2.2",
    does=either_way("It takes 401 and 403 for a token to correct"),
)
def an_unknown_token_is_refused(scene: AxiomScene) -> Observation:
    """Ask with such a token."""
    reply = scene.ask_as_stranger()
    return decided(reply.status == 401, f"it was answered with HTTP {reply.status}")


@assumption(
    "axiom-whole-answers",
    "An answer is whole: neither partial nor an estimate",
    fact="docs/facts/axiom.md, 2.3",
    does=either_way("What is partial or an estimate is asked for again in parts"),
)
def answers_are_whole(scene: AxiomScene) -> Observation:
    """Look at all answers of this probe."""
    if not scene.answers:
        return unknown("no query was answered")
    return decided(not scene.parts, f"{scene.parts} of {scene.answers} answers were not whole")


def _next_hour(scene: AxiomScene) -> datetime:
    return scene.clock.now().replace(minute=0, second=0, microsecond=0) + AN_HOUR


ASSUMPTIONS = [
    a_limit_of_its_own_is_kept,
    a_distinct_is_whole,
    a_summarize_is_cut_by_default,
    a_cut_is_announced,
    an_unknown_field_is_named,
    a_long_range_is_answered,
    an_unknown_token_is_refused,
    answers_are_whole,
]
