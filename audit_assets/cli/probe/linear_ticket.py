"""What is assumed of how Linear takes a ticket, and of what this key may do (docs/facts/linear.md, 1, 2 and 7)."""

from collections.abc import Callable

from audit_assets.cli.probe.assumptions import Observation, assumption, decided, either_way, stopping, unknown
from audit_assets.cli.probe.linear_scene import LAST_WORDS, QUOTED, LinearScene
from audit_assets.linear.issues import PRIORITY
from audit_assets.linear.reply_parser import Forbidden, Rejected
from audit_assets.tickets.ticket import COMMENT_LENGTH, DESCRIPTION_LENGTH

NO_TICKET = "there is no test ticket: see `linear-own-id`"

UPLOAD_SECONDS = 30.0


@assumption(
    "linear-own-id",
    "A ticket gets the id that was computed for it, in the shape of v4",
    fact="docs/facts/linear.md, 1.2",
    does=stopping("It computes the id of each ticket from account and actor, so that none is opened twice"),
    stops=True,
)
def a_ticket_has_its_own_id(scene: LinearScene) -> Observation:
    """Open one test ticket, and look for it by its id."""
    try:
        made = scene.create_first()
    except Rejected as rejection:
        if any("id" in f"{error.message} {error.presentable}".lower().split() for error in rejection.errors):
            return decided(False, "Linear refused the id")
        raise
    is_there = scene.known() is not None
    if made is not None and made.id != scene.ticket().id:
        return decided(False, "Linear gave it another id")
    return decided(is_there, f"the ticket was {'found' if is_there else 'not found'} by its id")


@assumption(
    "linear-conflict",
    "A second ticket with an id that is taken is refused, in words that are recognised",
    fact="docs/facts/linear.md, 1.2",
    does=stopping("It takes the refusal for a proof that the ticket is there"),
    stops=True,
)
def a_taken_id_is_refused(scene: LinearScene) -> Observation:
    """Send the same ticket again."""
    if scene.known() is None:
        return unknown(NO_TICKET)
    made = scene.create()
    return decided(made is None, "it was refused" if made is None else "Linear opened another one")


@assumption(
    "linear-description",
    f"A description of {DESCRIPTION_LENGTH:,} characters is kept to its end",
    fact="docs/facts/linear.md, 2",
    does=either_way("No description is longer; one that Linear refuses is an error of its hour"),
)
def a_long_description_is_kept(scene: LinearScene) -> Observation:
    """Read the description of the test ticket."""
    if not (known := scene.known()):
        return unknown(NO_TICKET)
    if scene.refused_description:
        return decided(False, "Linear took the test ticket only with a short one")
    is_whole = LAST_WORDS in known.description
    return decided(
        is_whole, f"{len(known.description):,} characters came back, {'with' if is_whole else 'without'} the end"
    )


@assumption(
    "linear-quoted-text",
    "Text in a fence comes back as it was sent",
    fact="docs/facts/linear.md, 3",
    does=either_way("It writes no address that works into a ticket but its own, in fences too, and compares no text"),
)
def quoted_text_is_kept(scene: LinearScene) -> Observation:
    """Compare the quoted line of the test ticket."""
    if not (known := scene.known()):
        return unknown(NO_TICKET)
    if scene.refused_description:
        return unknown("the test ticket has none: see `linear-description`")
    is_kept = QUOTED in known.description
    return decided(is_kept, f"the quoted line was {'as sent' if is_kept else 'changed'}")


@assumption(
    "linear-comments",
    f"This key may comment, and a comment of {COMMENT_LENGTH:,} characters is taken",
    fact="docs/facts/linear.md, 2",
    does=either_way("Without comments a later hour is no line on the ticket: the run fails with the reason"),
)
def a_comment_is_taken(scene: LinearScene) -> Observation:
    """Comment on the test ticket."""
    if not (known := scene.known()):
        return unknown(NO_TICKET)
    return _allowed(lambda: scene.client.issues.comment(known.id, scene.comment()))


@assumption(
    "linear-comment-conflict",
    "A second comment with an id that is taken is refused, in words that are recognised",
    fact="docs/facts/linear.md, 1.2",
    does=stopping("It takes the refusal for a proof that the comment is there"),
    stops=True,
)
def a_taken_comment_is_refused(scene: LinearScene) -> Observation:
    """Send the same comment again."""
    known = scene.known()
    if not known or not known.has_comment:
        return unknown("there is no test comment: see `linear-comments`")
    is_new = scene.client.issues.comment(known.id, scene.comment())
    return decided(not is_new, "it was added a second time" if is_new else "it was refused")


@assumption(
    "linear-attachments",
    "This key may attach a link to a ticket, and the link is found on it",
    fact="docs/facts/linear.md, 1.4",
    does=either_way("Without the attachment an hour counts as not done on its ticket: the run fails with the reason"),
)
def a_link_is_attached(scene: LinearScene) -> Observation:
    """Attach a link to the test ticket."""
    if not (known := scene.known()):
        return unknown(NO_TICKET)
    seen = _allowed(lambda: scene.client.issues.attach(known.id, scene.link()))
    if seen.answer == "confirmed" and not scene.shown().has_link:
        return decided(False, "it was taken, and is not on the ticket")
    return seen


@assumption(
    "linear-attachment-url",
    "A ticket has one attachment of an address, which keeps its id",
    fact="docs/facts/linear.md, 1.4",
    does=either_way("It looks for an hour's attachment by its id and by its address"),
)
def an_address_is_attached_once(scene: LinearScene) -> Observation:
    """Attach the same address under another id."""
    known = scene.known()
    if not known or not known.has_link:
        return unknown("there is no test attachment: see `linear-attachments`")
    scene.client.issues.attach(known.id, scene.link(2))
    count = len(scene.shown().marks)
    return decided(count == 1, f"the ticket has {count} attachments of that address")


@assumption(
    "linear-uploads",
    "This key may upload a file",
    fact="docs/facts/linear.md, 1.7",
    does=either_way("Without its chart a ticket is opened all the same"),
)
def a_file_is_stored(scene: LinearScene) -> Observation:
    """Upload a line of text, which no ticket shows."""
    content = b"A test file of `audit-assets doctor --probe`.\n"
    upload = scene.client.issues.upload
    return _allowed(lambda: upload("probe.txt", "text/plain", content, seconds=UPLOAD_SECONDS))


@assumption(
    "linear-changes",
    "This key may change a ticket (Write)",
    fact="docs/facts/linear.md, 2",
    does=either_way("A ticket that can't be reopened or raised stays as it is, and the run names it"),
)
def a_ticket_is_changed(scene: LinearScene) -> Observation:
    """Raise the priority of the test ticket."""
    if not (known := scene.known()):
        return unknown(NO_TICKET)
    return _allowed(lambda: scene.client.issues.change(known.id, {"priority": PRIORITY["medium"]}))


@assumption(
    "linear-duplicate-time",
    "A ticket that is moved to Duplicate names a time of closing",
    fact="docs/facts/linear.md, 1.6",
    does=either_way("Where Linear names none, the last change counts as the time of closing"),
)
def a_duplicate_has_a_time(scene: LinearScene) -> Observation:
    """Move the test ticket to the team's state of the type `duplicate`, and read its times."""
    if not (known := scene.known()):
        return unknown(NO_TICKET)
    states = scene.client.default_target.team["states"]["nodes"]
    duplicate = next((state["id"] for state in states if state["type"] == "duplicate"), None)
    if duplicate is None:
        return unknown("the team has no such state")
    scene.client.issues.change(known.id, {"stateId": duplicate})
    canceled, completed = scene.closing_times()
    named = [name for name, time in (("canceledAt", canceled), ("completedAt", completed)) if time]
    return decided(bool(named), f"it set {' and '.join(named) or 'none'}")


def _allowed(send: Callable[[], object]) -> Observation:
    """Whether the key may do that. Raises what is no refusal."""
    try:
        send()
    except Forbidden:
        return decided(False, "Linear does not allow it to the owner of this key")
    except Rejected:
        return decided(False, "Linear refused it")
    return decided(True, "it was taken")


ASSUMPTIONS = [
    a_ticket_has_its_own_id,
    a_taken_id_is_refused,
    a_long_description_is_kept,
    quoted_text_is_kept,
    a_comment_is_taken,
    a_taken_comment_is_refused,
    a_link_is_attached,
    an_address_is_attached_once,
    a_file_is_stored,
    a_ticket_is_changed,
    a_duplicate_has_a_time,
]
"""In this order: each finds the test ticket as the one before left it."""
