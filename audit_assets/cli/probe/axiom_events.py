"""What is assumed of how Axiom takes an event and shows it (docs/facts/axiom.md, 2.1, 3 and 8)."""

from datetime import timedelta

from audit_assets.cli.probe.assumptions import Observation, assumption, decided, either_way, stopping, unknown
from audit_assets.cli.probe.axiom_scene import OLDEST_SENT, VISIBLE_WITHIN, AxiomScene

ONE_SECOND = timedelta(seconds=1)

RECEIPT = {"ingested", "failed", "failures", "processedBytes", "blocksCreated", "walLength"}

NOT_TAKEN = "the marked event was not taken: see `axiom-ingest`"
NOT_SEEN = "the marked event was not seen: see `axiom-visible`"


@assumption(
    "axiom-ingest",
    "This token may ingest, and Axiom acknowledges an event with ingested 1 and failed 0",
    fact="docs/facts/axiom.md, 2.1",
    does=either_way(
        "What is not acknowledged is looked for and sent again, and an hour is judged once all of it shows"
    ),
)
def an_event_is_acknowledged(scene: AxiomScene) -> Observation:
    """Send one marked event."""
    reply = scene.event().reply
    receipt = reply.json()
    if reply.status != 200 or not isinstance(receipt, dict):
        return decided(False, f"it was answered with HTTP {reply.status}")
    counts = receipt.get("ingested"), receipt.get("failed")
    return decided(counts == (1, 0), f"the answer counts {counts[0]} ingested and {counts[1]} failed")


@assumption(
    "axiom-receipt",
    "The answer to an ingest has failures, blocksCreated and walLength, which are not required",
    fact="docs/facts/axiom.md, 1.4",
    does=either_way("It reads the answer itself and needs neither"),
)
def a_receipt_has_all_keys(scene: AxiomScene) -> Observation:
    """Look at the answer to the marked event."""
    receipt = scene.event().reply.json()
    if scene.event().reply.status != 200 or not isinstance(receipt, dict):
        return unknown(NOT_TAKEN)
    missing = sorted(RECEIPT - receipt.keys())
    return decided(not missing, f"it lacks {', '.join(missing)}" if missing else "it has all six keys")


@assumption(
    "axiom-old-time",
    "An event whose time is 31 days ago is kept and can be queried",
    fact="docs/facts/axiom.md, 0.10",
    does=either_way("An hour whose entries can't be seen is not judged: its run fails and names the number"),
)
def an_old_event_is_kept(scene: AxiomScene) -> Observation:
    """The marked event is of 31 days ago."""
    receipt = scene.event().reply.json()
    if scene.event().reply.status != 200 or not isinstance(receipt, dict):
        return unknown(NOT_TAKEN)
    if receipt.get("failed"):
        return decided(False, f"an event of {OLDEST_SENT.days} days ago was counted as failed")
    if not scene.wait_for_event():
        return unknown(f"it did not show in {VISIBLE_WITHIN:.0f} s: whether it was dropped or is late can't be seen")
    return decided(True, f"an event of {OLDEST_SENT.days} days ago was found")


@assumption(
    "axiom-visible",
    "An event can be seen within 90 seconds",
    fact="docs/facts/axiom.md, 3",
    does=either_way("An hour is judged once all of it can be seen: it fails after 90 seconds, and is tried again"),
)
def an_event_shows_in_time(scene: AxiomScene) -> Observation:
    """Look for the marked event every few seconds."""
    if scene.event().reply.status != 200:
        return unknown(NOT_TAKEN)
    if not scene.wait_for_event() or scene.seen_after is None:
        return decided(False, f"it was not seen within {VISIBLE_WITHIN:.0f} s")
    return decided(scene.seen_after <= VISIBLE_WITHIN, f"it was seen after {scene.seen_after:.0f} s")


@assumption(
    "axiom-half-open",
    "A range holds an event at its very start, and none at its very end",
    fact="docs/facts/axiom.md, 2.3",
    does=stopping("It asks hour by hour, each once, with both ends in the text of the query too"),
    stops=True,
)
def a_range_is_half_open(scene: AxiomScene) -> Observation:
    """Ask for a second that begins at the marked event, and for one that ends there."""
    if scene.event().reply.status != 200:
        return unknown(NOT_TAKEN)
    if not scene.wait_for_event():
        return unknown(NOT_SEEN)
    time = scene.event().time
    first, last = scene.events_seen(time, time + ONE_SECOND), scene.events_seen(time - ONE_SECOND, time)
    return decided((first, last) == (1, 0), f"it was found {first} times at the start and {last} times at the end")


ASSUMPTIONS = [
    an_event_is_acknowledged,
    a_receipt_has_all_keys,
    an_old_event_is_kept,
    an_event_shows_in_time,
    a_range_is_half_open,
]
