"""What became of a flagged actor or a deviation, in words: its ticket, or why there is none."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import visible

DISPOSITIONS = {
    "below_threshold": "below the alert threshold",
    "allowed": "allowed by the policy",
    "organisation": "on the organisation's ticket",
}

ON_TICKET = {
    "opened": "{ticket} opened",
    "joined": "added to {ticket}, this actor's open ticket",
    "reopened": "{ticket} reopened",
    "already_on_ticket": "already on {ticket}",
    "dismissed": "no new ticket: people dismissed {ticket}",
    "on_shared_ticket": "listed on {ticket}, as the hour has more flagged actors than tickets",
}

NO_TICKET = {
    "learning": "less than a week of history before the hour",
    "never": "the run was configured to open none",
    "failed": "Linear could not be reached, or rejected the request",
    "unreadable": "Linear does not show the actor's ticket: it is archived or deleted, or the API key can't see it",
    "dry_run": "it was a dry run",
}


def no_ticket_reason(outcome: str, max_age: timedelta) -> str | None:
    """Why an outcome comes without a ticket; None if it has one. `max_age`: after it an hour opens no tickets."""
    if outcome == "too_old":
        return f"the hour ended more than {max_age / timedelta(hours=1):g} h ago"
    return NO_TICKET.get(outcome)


def ticket_sentence(ticket: Mapping[str, Any], max_age: timedelta) -> str:
    """What became of a flagged actor: its ticket with the address, or why there is none."""
    outcome, identifier = ticket["outcome"], ticket["identifier"]
    if planned_action := ticket.get("planned_action"):
        return f"dry run: {visible(planned_action)}"
    if not identifier:
        return f"no ticket: {no_ticket_reason(outcome, max_age) or outcome}"
    name = f"{identifier} (closed)" if ticket["closed"] and outcome != "dismissed" else identifier
    return f"{ON_TICKET.get(outcome, '{ticket}').format(ticket=name)}: {ticket['url']}"


def disposition_sentence(disposition: str, deviations: int) -> str:
    """`2 deviations below the alert threshold`."""
    return f"{pluralize(deviations, 'deviation')} {DISPOSITIONS.get(disposition, disposition)}"
