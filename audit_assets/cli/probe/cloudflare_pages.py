"""What is assumed of the pages, cursors and counts of Cloudflare's audit log v2 (docs/facts/cloudflare.md, 2.4, 2.5
and 8)."""

from datetime import timedelta

from audit_assets.cli.probe.assumptions import (
    Observation,
    assumption,
    confirmed,
    contradicted,
    decided,
    either_way,
    stopping,
    unknown,
)
from audit_assets.cli.probe.cloudflare_scene import FEW, FEW_ENTRIES, V2, CloudflareScene, HeldCursor, listed_page
from audit_assets.cloudflare.audit_log_client import LARGEST_PAGE

NO_CURSOR = "no page had a cursor: run the probe again when there are more entries"

LONGEST_BLOCK = 300.0
"""Seconds that a pull may have to wait between two pages (docs/facts/cloudflare.md, 2.8)."""

SAME_BOUNDS = "It sends the same bounds, direction and limit with every cursor, and keeps none"


@assumption(
    "cloudflare-pages-whole",
    "The pages of a list hold together what one page holds",
    fact="docs/facts/cloudflare.md, 2.4",
    does=stopping("It follows the cursor to its end"),
    stops=True,
)
def pages_hold_what_one_page_holds(scene: CloudflareScene) -> Observation:
    """List a window twice: in one page, and in some small ones."""
    sample = scene.sample(V2)
    if len(sample.entries) < FEW:
        return unknown(FEW_ENTRIES)
    paged = _paged_ids(scene)
    last = sample.entries[-1].time
    # Of the page's last second others may come first: the order of ties is another question
    whole = [each for each in sample.entries if not (sample.answer.cursor and each.time == last)]
    missing = sum(each.id not in paged for each in whole)
    return decided(not missing, f"{missing} of {len(whole)} entries were missing in pages of {sample.page_size}")


@assumption(
    "cloudflare-tie-order",
    "Entries of the same time keep their order",
    fact="docs/facts/cloudflare.md, 2.4",
    does=either_way("An entry that comes twice counts once; whether one is left out is `cloudflare-pages-whole`"),
)
def ties_have_an_order(scene: CloudflareScene) -> Observation:
    """Compare the order of a page with that of the small pages."""
    sample = scene.sample(V2)
    if len(sample.entries) < FEW:
        return unknown(FEW_ENTRIES)
    if len({each.time for each in sample.entries}) == len(sample.entries):
        return unknown("no two entries had the same time: run the probe again when there are some")
    paged = _paged_ids(scene)
    common = set(paged) & set(sample.answer.ids)
    same = [each for each in sample.answer.ids if each in common] == [
        each for each in dict.fromkeys(paged) if each in common
    ]
    return decided(same, f"entries of the same time came in {'the same' if same else 'another'} order again")


@assumption(
    "cloudflare-ascending",
    "direction=asc lists the oldest entries first",
    fact="docs/facts/cloudflare.md, 2.4",
    does=either_way("It files each entry into the hour of its own time"),
)
def the_oldest_come_first(scene: CloudflareScene) -> Observation:
    """Look at the times of a page."""
    times = [each.time for each in scene.sample(V2).entries]
    if len(set(times)) < 2:
        return unknown(FEW_ENTRIES)
    return decided(
        times == sorted(times), f"{len(times)} entries were {'' if times == sorted(times) else 'not '}in order"
    )


@assumption(
    "cloudflare-cursor-place",
    "The cursor is at `result_info.cursor`",
    fact="docs/facts/cloudflare.md, 1",
    does=either_way("It reads both places"),
)
def the_cursor_is_in_its_place(scene: CloudflareScene) -> Observation:
    """Look at a page that is followed by another."""
    sample = scene.sample(V2)
    if len(sample.entries) < FEW:
        return unknown(FEW_ENTRIES)
    answer = scene.client.ask(V2, {**sample.request, "limit": sample.page_size})
    if answer.cursor:
        scene.held_cursor = HeldCursor(
            {**sample.request, "limit": sample.page_size}, answer.cursor, scene.client.clock.monotonic()
        )
        return confirmed("`result_info.cursor`")
    return contradicted("`result_info.cursors.after`") if answer.other_cursor else unknown(NO_CURSOR)


@assumption(
    "cloudflare-cursor-bound",
    "A cursor is good for its own query only",
    fact="docs/facts/cloudflare.md, 2.5",
    does=either_way(SAME_BOUNDS),
)
def a_cursor_belongs_to_its_query(scene: CloudflareScene) -> Observation:
    """Send a cursor with another `limit`."""
    if not (held := scene.held_cursor):
        return unknown(NO_CURSOR)
    answer = scene.client.ask(V2, {**held.request, "limit": LARGEST_PAGE, "cursor": held.cursor})
    return decided(not answer.is_list, f"with another limit it was answered with HTTP {answer.status}")


@assumption(
    "cloudflare-cursor-invalid",
    "An invalid cursor is refused",
    fact="docs/facts/cloudflare.md, 2.7",
    does=either_way("A refusal ends the pull; a cursor that comes again is an error"),
)
def an_invalid_cursor_is_refused(scene: CloudflareScene) -> Observation:
    """Send a cursor that nobody made."""
    answer = scene.client.ask(V2, {**scene.sample(V2).request, "cursor": "audit-assets-probe"})
    return decided(not answer.is_list, f"a made-up cursor was answered with HTTP {answer.status}")


@assumption(
    "cloudflare-empty-page",
    "An empty page has no cursor",
    fact="docs/facts/cloudflare.md, 2.5",
    does=either_way("It goes on while there is a cursor"),
)
def an_empty_page_is_the_end(scene: CloudflareScene) -> Observation:
    """Look for a cursor on an empty page."""
    answer = scene.ask(V2, scene.now() + timedelta(hours=1), scene.now() + timedelta(days=1))
    if not answer.is_list or answer.length:
        return unknown("no empty page came")
    has_cursor = bool(answer.cursor or answer.other_cursor)
    return decided(not has_cursor, f"an empty page had {'a' if has_cursor else 'no'} cursor")


@assumption(
    "cloudflare-count-integer",
    "`result_info.count` is an integer",
    fact="docs/facts/cloudflare.md, 2.4",
    does=either_way("It takes an integer or text"),
)
def the_count_is_an_integer(scene: CloudflareScene) -> Observation:
    """Look at `result_info.count`."""
    count = scene.sample(V2).answer.count
    if count is None:
        return unknown("there was no count")
    return decided(type(count) is int, f"it is {'an integer' if type(count) is int else 'text'}")


@assumption(
    "cloudflare-count-page",
    "`result_info.count` counts the entries of the page",
    fact="docs/facts/cloudflare.md, 2.4",
    does=either_way("A page that counts otherwise ends the pull, and the run with an error"),
)
def the_count_is_of_the_page(scene: CloudflareScene) -> Observation:
    """Compare it with the number of entries, on a short page of a longer list."""
    sample = scene.sample(V2)
    if len(sample.entries) < FEW:
        return unknown(FEW_ENTRIES)
    answer = scene.client.ask(V2, {**sample.request, "limit": sample.page_size})
    if answer.count is None:
        return unknown("there was no count")
    return decided(str(answer.count) == str(answer.length), f"a page of {answer.length} entries counted {answer.count}")


@assumption(
    "cloudflare-cursor-life",
    "A cursor is still good five minutes later",
    fact="docs/facts/cloudflare.md, 2.5",
    does=either_way("It waits five minutes at most between two pages; a cursor that is refused ends the pull"),
)
def a_cursor_lives_long_enough(scene: CloudflareScene) -> Observation:
    """Send the first cursor again, as long after it as a pull may have to wait."""
    if not (held := scene.held_cursor):
        return unknown(NO_CURSOR)
    clock = scene.client.clock
    clock.sleep(max(0.0, held.came_at + LONGEST_BLOCK - clock.monotonic()))
    answer = scene.client.ask(V2, {**held.request, "cursor": held.cursor})
    minutes = (clock.monotonic() - held.came_at) / 60
    return decided(answer.is_list, f"after {minutes:.0f} minutes it was answered with HTTP {answer.status}")


def _paged_ids(scene: CloudflareScene) -> list[str]:
    """The ids of as many entries as the sample has, in small pages."""
    sample = scene.sample(V2)
    request = {**sample.request, "limit": sample.page_size}
    ids: list[str] = []
    cursor = None
    while len(ids) < len(sample.entries):
        answer = listed_page(scene.client.ask(V2, {**request, **({"cursor": cursor} if cursor else {})}))
        ids += answer.ids
        following = answer.cursor or answer.other_cursor
        if following is None or following == cursor:
            break
        cursor = following
    return ids


ASSUMPTIONS = [
    pages_hold_what_one_page_holds,
    ties_have_an_order,
    the_oldest_come_first,
    the_cursor_is_in_its_place,
    a_cursor_belongs_to_its_query,
    an_invalid_cursor_is_refused,
    an_empty_page_is_the_end,
    the_count_is_an_integer,
    the_count_is_of_the_page,
]
"""In this order, since the first page with a cursor is kept for what follows."""

LAST = [a_cursor_lives_long_enough]
"""What needs time to pass."""
