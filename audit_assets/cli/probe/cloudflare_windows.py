"""What is assumed of the windows of Cloudflare's audit log v2 (docs/facts/cloudflare.md, 2.3 and 8)."""

from datetime import timedelta

from audit_assets.cli.probe.assumptions import (
    Observation,
    assumption,
    contradicted,
    decided,
    either_way,
    stopping,
    unknown,
)
from audit_assets.cli.probe.cloudflare_scene import NO_ENTRY, ONE_SECOND, V2, CloudflareScene
from audit_assets.storage.hours import A_DAY

WIDER = "It asks for five minutes beyond both ends of an hour and cuts by itself"


@assumption(
    "cloudflare-window-holds",
    "A window that begins and ends a second or more beyond an entry holds it, and nothing else",
    fact="docs/facts/cloudflare.md, 2.3",
    does=stopping(WIDER),
    stops=True,
)
def a_window_holds_its_entries(scene: CloudflareScene) -> Observation:
    """Ask for the second before an entry to the second after it."""
    if not (entry := scene.sample(V2).one):
        return unknown(NO_ENTRY)
    since = entry.time.replace(microsecond=0) - ONE_SECOND
    before = since + ONE_SECOND * 3
    answer = scene.ask(V2, since, before)
    if answer.cursor or answer.other_cursor:
        return unknown("there are more entries in these seconds than a page holds")
    outside = sum(not since - ONE_SECOND <= each.time <= before + ONE_SECOND for each in answer.entries)
    text = f"the entry was {_listed(entry.id, answer.ids)}, and {outside} from outside of the window"
    return decided(entry.id in answer.ids and not outside, text)


@assumption(
    "cloudflare-since-inclusive",
    "`since` includes an entry of that very time",
    fact="docs/facts/cloudflare.md, 2.3",
    does=either_way(WIDER),
)
def since_is_inclusive(scene: CloudflareScene) -> Observation:
    """Ask for a window that begins at an entry."""
    if not (entry := scene.sample(V2).one):
        return unknown(NO_ENTRY)
    answer = scene.ask(V2, entry.written, entry.time + timedelta(minutes=5))
    return decided(entry.id in answer.ids, f"an entry at the very time of `since` was {_listed(entry.id, answer.ids)}")


@assumption(
    "cloudflare-before-exclusive",
    "`before` excludes an entry of that very time",
    fact="docs/facts/cloudflare.md, 2.3",
    does=either_way(WIDER),
)
def before_is_exclusive(scene: CloudflareScene) -> Observation:
    """Ask for a window that ends at an entry."""
    if not (entry := scene.sample(V2).one):
        return unknown(NO_ENTRY)
    answer = scene.ask(V2, entry.time - timedelta(minutes=5), entry.written, direction="desc")
    is_listed = entry.id in answer.ids
    return decided(not is_listed, f"an entry at the very time of `before` was {_listed(entry.id, answer.ids)}")


@assumption(
    "cloudflare-before-day",
    "A bare date as `before` is the start of that day",
    fact="docs/facts/cloudflare.md, 2.3",
    does=either_way("It never sends a bare date"),
)
def a_day_as_before_is_its_start(scene: CloudflareScene) -> Observation:
    """Ask for a window that ends with the bare date of an entry."""
    if not (entry := scene.sample(V2).one):
        return unknown(NO_ENTRY)
    midnight = entry.time.replace(hour=0, minute=0, second=0, microsecond=0)
    answer = scene.ask(V2, midnight - A_DAY, f"{midnight:%Y-%m-%d}", direction="desc")
    if not answer.is_list:
        return unknown(f"a bare date as `before` was answered with HTTP {answer.status}")
    of_the_day = sum(each.time > midnight for each in answer.entries)
    return decided(not of_the_day, f"{of_the_day} entries of the day itself were listed")


@assumption(
    "cloudflare-future",
    "A window in the future is an empty list",
    fact="docs/facts/cloudflare.md, 2.7",
    does=either_way("It pulls no hour that has not ended"),
)
def the_future_is_empty(scene: CloudflareScene) -> Observation:
    """Ask for tomorrow."""
    answer = scene.ask(V2, scene.now() + timedelta(hours=1), scene.now() + timedelta(days=1))
    if not answer.is_list:
        return contradicted(f"it was answered with HTTP {answer.status}")
    return decided(not answer.length, f"{answer.length} entries of it were listed")


def _listed(entry_id: str, ids: list[str]) -> str:
    return "listed" if entry_id in ids else "not listed"


ASSUMPTIONS = [
    a_window_holds_its_entries,
    since_is_inclusive,
    before_is_exclusive,
    a_day_as_before_is_its_start,
    the_future_is_empty,
]
