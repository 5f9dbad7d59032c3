"""What is assumed of Cloudflare's audit log v1, of how both streams go together, and of late entries
(docs/facts/cloudflare.md, 2.6, 3 and 8)."""

from datetime import timedelta

from audit_assets.cli.probe.assumptions import (
    Observation,
    assumption,
    confirmed,
    decided,
    either_way,
    stopping,
    unknown,
)
from audit_assets.cli.probe.cloudflare_scene import FEW, FEW_ENTRIES, NO_ENTRY, V1, V2, CloudflareScene, listed_page
from audit_assets.cloudflare.audit_log_client import LARGEST_PAGE
from audit_assets.cloudflare.entry_fields import ORGANIZATION
from audit_assets.cloudflare.own_counts import CountNotAllowed
from audit_assets.reports.health_facts import HOURS_IN_WINDOW
from audit_assets.storage.hours import A_DAY, AN_HOUR
from audit_assets.storage.pull_history import REPEATS, lateness, pulls_of
from audit_assets.storage.tables import ENTRIES

PULLED_AGAIN = "It pulls each hour again 1, 6, 24 and 72 hours after its end"

ONE_MILLISECOND = timedelta(milliseconds=1)

*_, A_DAY_LATER, LAST_PULL = REPEATS

ENOUGH_HOURS = 24 * 7
"""Hours with all of their pulls that show something of lateness. A judgement."""


@assumption(
    "cloudflare-v1-pages",
    "The pages of v1 leave out nothing between the first entry and the last that they list",
    fact="docs/facts/cloudflare.md, 3",
    does=stopping("It asks page by page, and again from the newest entry on"),
    stops=True,
)
def v1_pages_leave_out_nothing(scene: CloudflareScene) -> Observation:
    """List a window twice: in one page, and in some small ones."""
    sample, paged = scene.sample(V1), _paged_ids(scene)
    if len(sample.entries) < FEW:
        return unknown(FEW_ENTRIES)
    newest = max((each.time for each in sample.entries if each.id in paged), default=None)
    if newest is None:
        return unknown("the small pages listed other entries than the large one")
    between = [each for each in sample.entries if each.time < newest]
    missing = sum(each.id not in paged for each in between)
    return decided(not missing, f"{missing} of {len(between)} entries were missing in pages of {sample.page_size}")


@assumption(
    "cloudflare-v1-whole",
    "v1 lists a window to its end",
    fact="docs/facts/cloudflare.md, 10",
    does=either_way("It asks again from the newest entry on, until that brings nothing new"),
)
def v1_lists_to_the_end(scene: CloudflareScene) -> Observation:
    """See whether the small pages reach the last entry of the large one."""
    sample = scene.sample(V1)
    if len(sample.entries) < FEW:
        return unknown(FEW_ENTRIES)
    is_reached = sample.entries[-1].id in _paged_ids(scene)
    return decided(
        is_reached, f"pages of {sample.page_size} {'reached' if is_reached else 'ended before'} the last entry"
    )


@assumption(
    "cloudflare-v1-past-end",
    "v1 answers 400 for a page past the end",
    fact="docs/facts/cloudflare.md, 3",
    does=either_way("It takes a refusal and an empty page for an end, and confirms each"),
)
def v1_refuses_a_page_past_the_end(scene: CloudflareScene) -> Observation:
    """Ask for the second page where the first one holds everything."""
    sample = scene.sample(V1)
    if not 0 < sample.answer.length < LARGEST_PAGE:
        return unknown(NO_ENTRY if not sample.answer.length else "there are more entries than a page holds")
    answer = scene.client.ask(V1, {**sample.request, "per_page": sample.answer.length, "page": 2})
    return decided(answer.status == 400, f"it was answered with HTTP {answer.status} and {answer.length} entries")


@assumption(
    "cloudflare-v1-decimals",
    "v1 takes parts of a second in `since`",
    fact="docs/facts/cloudflare.md, 3",
    does=either_way("It checks what comes, and a part that begins elsewhere makes the pull incomplete"),
)
def v1_takes_parts_of_a_second(scene: CloudflareScene) -> Observation:
    """Ask from a millisecond after an entry on."""
    if not (entry := scene.sample(V1).one):
        return unknown(NO_ENTRY)
    after = entry.time.replace(microsecond=entry.time.microsecond // 1_000 * 1_000) + ONE_MILLISECOND
    since = f"{after:%Y-%m-%dT%H:%M:%S}.{after.microsecond // 1_000:03}Z"
    answer = scene.ask(V1, since, entry.time + timedelta(minutes=5))
    if not answer.is_list:
        return decided(False, f"it was answered with HTTP {answer.status}")
    is_listed = entry.id in answer.ids
    return decided(not is_listed, f"the entry was {'listed all the same' if is_listed else 'not listed any more'}")


@assumption(
    "cloudflare-streams-apart",
    "No id is in both v1 and v2",
    fact="docs/facts/cloudflare.md, 2.2",
    does=either_way("It counts an entry of each stream; where they overlap, CLOUDFLARE_STREAMS=v2 leaves v1 out"),
)
def streams_share_no_id(scene: CloudflareScene) -> Observation:
    """Compare the ids of the last days in both."""
    ids = [set(scene.sample(stream).answer.ids) for stream in (V1, V2)]
    if not all(ids):
        return unknown("one of the streams listed no entry")
    common = len(ids[0] & ids[1])
    return decided(not common, f"{common} ids were in both, of {len(ids[0])} in v1 and {len(ids[1])} in v2")


@assumption(
    "cloudflare-organization",
    "The organization's log can be read, and no id is both in it and in v2",
    fact="docs/facts/cloudflare.md, 2.2",
    does={
        "confirmed": "It counts an entry of each stream",
        "contradicted": "It counts an entry of each stream; unset CLOUDFLARE_ORGANIZATION_ID to leave that log out",
        "unknown": "It pulls that log if CLOUDFLARE_ORGANIZATION_ID is set, and stores no hour without it",
    },
)
def the_organizations_log_is_apart(scene: CloudflareScene) -> Observation:
    """Compare the ids of the last days in both."""
    if not scene.client.organization_id:
        return unknown("no organization is set")
    own, of_account = (set(scene.sample(stream).answer.ids) for stream in (ORGANIZATION, V2))
    if not own or not of_account:
        return unknown("one of the streams listed no entry")
    common = len(own & of_account)
    return decided(not common, f"{common} ids were in both, of {len(own)} in the organization's log")


@assumption(
    "cloudflare-lateness",
    "No entry is first listed later than 24 hours after its hour ended",
    fact="docs/facts/cloudflare.md, 2.6",
    does={
        "confirmed": PULLED_AGAIN,
        "contradicted": f"{PULLED_AGAIN}; what may come even later is found only if you run older hours again",
        "unknown": PULLED_AGAIN,
    },
)
def entries_come_within_a_day(scene: CloudflareScene) -> Observation:
    """Look at which pull brought the entries of the stored hours. Nothing is asked."""
    newest = scene.now().replace(minute=0, second=0, microsecond=0) - AN_HOUR
    hours, late = 0, 0
    for hour in (newest - AN_HOUR * back for back in range(HOURS_IN_WINDOW)):
        pulls = pulls_of(scene.store.metadata(ENTRIES, hour) or {})
        steps = [max((step for step in REPEATS if step <= pull.began - hour - AN_HOUR), default=None) for pull in pulls]
        if A_DAY_LATER in steps and LAST_PULL in steps:
            hours += 1
            late += lateness(hour, pulls)[LAST_PULL]
    if late:
        return decided(False, f"{late} entries came with the last pull of their hours")
    if hours < ENOUGH_HOURS:
        return unknown(f"{hours} stored hours had their last pull yet: {ENOUGH_HOURS} show something")
    return confirmed(f"the last pull of {hours} hours brought nothing")


@assumption(
    "cloudflare-own-count",
    "This token may read Cloudflare's own count of audit entries",
    fact="docs/facts/cloudflare.md, 12",
    does={
        "confirmed": "The check cloudflare_counts_the_same compares it with what was pulled, and finds out whose it is",
        "contradicted": "Nothing is compared; the permission Account Analytics Read would allow it",
        "unknown": "The check cloudflare_counts_the_same is not evaluated while no count can be used",
    },
)
def the_count_is_readable(scene: CloudflareScene) -> Observation:
    """Ask for the counts of yesterday."""
    yesterday = (scene.now() - A_DAY).date()
    try:
        counts = scene.client.own_counts(yesterday, yesterday)
    except CountNotAllowed:
        return decided(False, "Cloudflare does not allow it")
    return decided(
        True, f"it counts {int(counts['entries'].sum()):,} entries of yesterday in {counts.height} action types"
    )


def _paged_ids(scene: CloudflareScene) -> set[str]:
    """The ids that small pages list, of as many entries as the sample has."""
    sample = scene.sample(V1)
    ids: set[str] = set()
    for page in range(1, len(sample.entries) // sample.page_size + 2):  # on behind a short page too
        answer = scene.client.ask(V1, {**sample.request, "per_page": sample.page_size, "page": page})
        if page > 1 and answer.status == 400:
            break
        ids |= set(listed_page(answer).ids)
    return ids


OF_V1 = [v1_pages_leave_out_nothing, v1_lists_to_the_end, v1_refuses_a_page_past_the_end, v1_takes_parts_of_a_second]
OF_BOTH = [streams_share_no_id]
OF_ORGANIZATION = [the_organizations_log_is_apart]
OF_COUNTS = [the_count_is_readable]
OF_STORED_HOURS = [entries_come_within_a_day]
