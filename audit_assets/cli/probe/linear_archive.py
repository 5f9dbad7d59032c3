"""What is assumed of tickets that are archived (docs/facts/linear.md, 1.3 and 7). The test ticket ends here."""

from audit_assets.cli.probe.assumptions import Observation, assumption, decided, either_way, stopping, unknown
from audit_assets.cli.probe.linear_scene import LinearScene
from audit_assets.cli.probe.linear_ticket import NO_TICKET
from audit_assets.linear.issues import CommentContent
from audit_assets.linear.reply_parser import Forbidden, Rejected
from audit_assets.tickets.ticket import computed_id

NOT_ARCHIVED = "the test ticket is not archived: see `linear-archive`"


@assumption(
    "linear-archive",
    "This key may archive a ticket, which leaves the time of its last change",
    fact="docs/facts/linear.md, 1.3",
    does=either_way("It archives nothing but test tickets; of a closed ticket it takes the time of closing first"),
)
def archiving_changes_no_time(scene: LinearScene) -> Observation:
    """Archive the test ticket, and compare the time of its last change."""
    if not (before := scene.known()):
        return unknown(NO_TICKET)
    try:
        scene.archive()
    except (Forbidden, Rejected):
        return decided(False, "Linear did not archive it: archive it by hand")
    after = scene.known()
    if after is None:
        return unknown("the archived ticket is not shown: see `linear-archived-shown`")
    is_same = before.updated_at == after.updated_at
    return decided(is_same, f"it was archived, and the time is {'the same' if is_same else 'another'}")


@assumption(
    "linear-archived-shown",
    "An archived ticket is found by its id",
    fact="docs/facts/linear.md, 7",
    does=either_way("One that is not shown, and whose id is taken, is reported as out of reach, and opens no other"),
)
def an_archived_ticket_is_shown(scene: LinearScene) -> Observation:
    """Look for the archived test ticket."""
    if not scene.archived:
        return unknown(NOT_ARCHIVED)
    known = scene.known()
    if known is None:
        return decided(False, "it was not found")
    return decided(
        known.archived_at is not None, f"it was found, {'with' if known.archived_at else 'without'} that time"
    )


@assumption(
    "linear-archived-conflict",
    "The id of an archived ticket stays taken",
    fact="docs/facts/linear.md, 7",
    does=stopping("It opens no second ticket under the id of an archived one"),
    stops=True,
)
def an_archived_id_stays_taken(scene: LinearScene) -> Observation:
    """Send the archived test ticket again."""
    if not scene.archived:
        return unknown(NOT_ARCHIVED)
    made = scene.create()
    return decided(made is None, "it was refused" if made is None else "Linear opened another one")


@assumption(
    "linear-archived-comment",
    "An archived ticket takes no comment",
    fact="docs/facts/linear.md, 1.3",
    does=either_way(
        "It opens a new ticket for an actor whose ticket is archived, and reports one that it can't write to"
    ),
)
def an_archived_ticket_takes_no_comment(scene: LinearScene) -> Observation:
    """Comment on the archived test ticket."""
    if not scene.archived:
        return unknown(NOT_ARCHIVED)
    comment = CommentContent(computed_id("probe late comment", str(scene.ticket().id)), "A comment after archiving.")
    try:
        scene.client.issues.comment(scene.ticket().id, comment)
    except Rejected:
        return decided(True, "it was refused")
    return decided(False, "it was taken")


ASSUMPTIONS = [
    archiving_changes_no_time,
    an_archived_ticket_is_shown,
    an_archived_id_stays_taken,
    an_archived_ticket_takes_no_comment,
]
