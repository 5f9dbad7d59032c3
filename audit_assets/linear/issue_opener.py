"""Opens tickets, and opens them again: as a team's table wants it, or as near to that as Linear lets us.

A wish costs no finding its ticket: what can't be had is left out, and told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from audit_assets.config.errors import Refused
from audit_assets.linear.issues import Issues, NewTicket
from audit_assets.linear.name_lookup import TABLE, Node
from audit_assets.linear.reply_parser import Forbidden, Rejected
from audit_assets.linear.routing import Matter, TicketFields, fields_for
from audit_assets.linear.target_resolver import Place, TargetResolver
from audit_assets.tickets.lifecycle import KnownTicket
from audit_assets.tickets.ticket import Ticket


@dataclass(frozen=True)
class LinearFacts:
    """What the settings lead to; `state` and `label` are names, or None. `problems`: what LINEAR_LABEL and the table
    name and Linear lacks, a sentence each; `doubts`: what of it some tickets will lack, if rows meet."""

    who: str
    team_key: str
    team: str
    state: str | None
    label: str | None
    problems: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class Openings:
    """The tickets of one workspace, as far as the table and the settings decide about them."""

    def __init__(self, issues: Issues, places: TargetResolver, table: Sequence[TicketFields]) -> None:
        self._issues = issues
        self._places = places
        self._table = table

    @property
    def team(self) -> Node:
        """The team of LINEAR_TEAM_KEY. Raises `Refused` if it is not there."""
        return self._places.default.team

    def facts(self) -> LinearFacts:
        """What the settings lead to. Raises `Refused` without a team, or without access."""
        place = self._places.default
        return LinearFacts(
            who=self._places.who,
            team_key=place.team["key"],
            team=place.team["name"],
            state=place.state["name"] if place.state else None,
            label=next((label["name"] for label in place.labels), None),
            problems=(*place.problems, *self._places.problems(self._table)),
            doubts=tuple(self._places.doubts(self._table)),
        )

    def priority(self, matter: Matter) -> int:
        """Linear's number for a ticket about that."""
        return fields_for(matter, self._table).priority

    def create(self, ticket: Ticket, matter: Matter) -> tuple[NewTicket | None, str | None]:
        """The new ticket, or None if its id is taken; and what it lacks of what was wanted, if anything.

        If Linear refuses the ticket in one place, the next is tried: what was there when it was looked up may have been
        deleted since, and what else Linear asks of a ticket's fields is not documented. Raises as `Issues.create` does
        for the last of them.
        """
        fields = fields_for(matter, self._table)
        wanted = replace(ticket, priority=fields.priority)
        places = self._places.tried(fields)
        place = next(places)
        lacks = [*place.problems]
        while True:
            try:
                return self._issues.create(wanted, place), both(*lacks)
            except (Rejected, Forbidden) as refusal:
                if (following := next(places, None)) is None:
                    raise
                lacks.append(_not_so(place, following, refusal))
                place = following

    def state_again(self, ticket: KnownTicket) -> tuple[str | None, str | None]:
        """The id of the state that opens a ticket again, or why there is none. People may have moved the ticket: the
        states are those of the team where it is now, as Linear takes no other team's."""
        try:
            state = self._places.state_in(ticket.team)
        except Refused as refusal:
            return (
                None,
                f"Linear does not show the states of the team of {ticket.identifier}: reopen it by hand. {refusal}",
            )
        if state is None:
            return None, f"The team of {ticket.identifier} has no state for open tickets: reopen it by hand."
        return state["id"], None


def both(*sentences: str | None) -> str | None:
    """Those that there are, or None."""
    return " ".join(sentence for sentence in sentences if sentence) or None


def _not_so(place: Place, instead: Place, refusal: Rejected | Forbidden) -> str:
    there = {"labels": place.labels, "project": place.project, "assignee": place.assignee}
    fields = " and ".join(name for name, value in there.items() if value)
    became = "so it has none of them"
    if instead.team["id"] != place.team["id"]:
        became = f"so it went to '{instead.team['key']}'"
    return (
        f"Linear would not open a ticket in the team '{place.team['key']}'{f' with its {fields}' if fields else ''}, "
        f"{became}: correct {TABLE} in the policy file, or what the key of LINEAR_API_KEY may do. {refusal}"
    )
