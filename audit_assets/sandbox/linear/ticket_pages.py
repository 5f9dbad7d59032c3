"""The pages that show the sandbox's tickets to people: a list, and a page for each ticket.

They belong to no service: no fault reaches them, and no key is asked for.
"""

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from audit_assets.sandbox.linear.issues import TICKETS_PATH, page_path
from audit_assets.sandbox.linear.ticket_markdown import Pictures, rendered
from audit_assets.sandbox.linear.ticket_style import STYLE
from audit_assets.sandbox.page import page_headers, page_html

Issue = dict[str, Any]
"""As `LinearService.issues` gives it."""

HEADERS = page_headers(STYLE, pictures=True)


def ticket_routes(issues: Callable[[], list[Issue]], pictures: Pictures) -> list[Route]:
    """What is served of them; `issues` reads the tickets as they are now, oldest first."""

    def tickets(_: Request) -> Response:
        return HTMLResponse(list_page(issues()[::-1]), headers=HEADERS)

    def ticket(request: Request) -> Response:
        identifier = request.path_params["identifier"].upper()
        for issue in issues():
            if issue["identifier"] == identifier:
                return HTMLResponse(ticket_page(issue, pictures), headers=HEADERS)
        return HTMLResponse(missing_page(identifier), 404, headers=HEADERS)

    def to_tickets(_: Request) -> Response:
        return RedirectResponse(TICKETS_PATH)

    return [
        Route("/", to_tickets),
        Route("/sandbox", to_tickets),
        Route(TICKETS_PATH, tickets),
        Route(f"{TICKETS_PATH}/{{identifier}}", ticket),
    ]


def list_page(issues: list[Issue]) -> str:
    """The HTML of a list of tickets, in the order in which they come."""
    if not issues:
        return _page("Tickets", "<h1>Tickets</h1><p>No ticket was opened yet.</p>")
    heads = ("Ticket", "Title", "Priority", "State", "Attachments", "Comments", "Created")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    rows = "".join(_row(issue) for issue in issues)
    table = f'<table class="tickets"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return _page("Tickets", f'<h1>Tickets <span class="count">{len(issues)}</span></h1>{table}')


def ticket_page(issue: Issue, pictures: Pictures) -> str:
    """The HTML of one ticket."""
    labels = "".join(f'<span class="label">{escape(label)}</span>' for label in issue["labels"])
    named = [
        f"<span>{what} <bdi>{escape(issue[what])}</bdi></span>"
        for what in ("team", "project", "assignee")
        if issue[what]
    ]
    facts = [_priority(issue), _state(issue), labels, *named, f"<span>opened {_time(issue['createdAt'])}</span>"]
    if issue["updatedAt"] != issue["createdAt"]:
        facts.append(f"<span>changed {_time(issue['updatedAt'])}</span>")
    description = rendered(issue["description"] or "", pictures) or "<p>No description.</p>"
    return _page(
        f"{issue['identifier']} {issue['title']}",
        f'<p class="identifier">{escape(issue["identifier"])}</p><h1><bdi>{escape(issue["title"])}</bdi></h1>'
        f'<p class="facts">{" ".join(fact for fact in facts if fact)}</p>'
        f'<article class="text">{description}</article>{_attachments(issue)}{_comments(issue, pictures)}',
    )


def missing_page(identifier: str) -> str:
    """The HTML for a ticket that is not there."""
    return _page("No such ticket", f"<h1>No such ticket</h1><p>There is no {escape(identifier)} in this sandbox.</p>")


def _page(title: str, body: str) -> str:
    return page_html(title, body, service="Linear", style=STYLE)


def _row(issue: Issue) -> str:
    cells = (
        ("identifier", f'<a href="{escape(page_path(issue))}">{escape(issue["identifier"])}</a>'),
        ("title", f'<a href="{escape(page_path(issue))}"><bdi>{escape(issue["title"])}</bdi></a>'),
        ("priority-cell", _priority(issue)),
        ("state-cell", _state(issue)),
        ("number", _counted(issue["attachments"], "attachment")),
        ("number", _counted(issue["comments"], "comment")),
        ("created", _time(issue["createdAt"])),
    )
    return "<tr>" + "".join(f'<td class="{name}">{content}</td>' for name, content in cells) + "</tr>"


def _counted(things: list[dict[str, Any]], unit: str) -> str:
    """The unit is shown where the table has no head: on a phone."""
    return f'{len(things)}<span class="unit"> {unit}{"" if len(things) == 1 else "s"}</span>'


def _priority(issue: Issue) -> str:
    return f'<span class="priority p{issue["priority"]:d}">{escape(issue["priorityLabel"])}</span>'


def _state(issue: Issue) -> str:
    state = f'<span class="state {escape(issue["stateType"])}">{escape(issue["state"])}</span>'
    hidden = "In the trash" if issue["trashed"] else "Archived" if issue["archivedAt"] else ""
    return state + (f' <span class="state hidden">{hidden}</span>' if hidden else "")


def _time(text: str) -> str:
    shown = f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
    return f'<time datetime="{escape(text)}">{shown}</time>'


def _attachments(issue: Issue) -> str:
    if not issue["attachments"]:
        return ""
    items = "".join(
        f'<li>{_attachment_title(one)}<br><span class="subtitle">{escape(one["subtitle"] or "")}</span></li>'
        for one in issue["attachments"]
    )
    heading = f'<h2>Attachments <span class="count">{len(issue["attachments"])}</span></h2>'
    return f'<section>{heading}<ul class="attachments">{items}</ul></section>'


def _attachment_title(attachment: dict[str, Any]) -> str:
    title = f"<bdi>{escape(attachment['title'])}</bdi>"
    if not attachment["url"].startswith(("https://", "http://")):
        return f"{title} <code>{escape(attachment['url'])}</code>"
    return f'<a href="{escape(attachment["url"])}" rel="noopener noreferrer nofollow">{title}</a>'


def _comments(issue: Issue, pictures: Pictures) -> str:
    if not issue["comments"]:
        return ""
    comments = "".join(
        f'<article class="comment" id="comment-{one["id"][:8]}"><p class="facts">{escape(one["user"])} '
        f'{_time(one["createdAt"])}</p><div class="text">{rendered(one["body"], pictures)}</div></article>'
        for one in issue["comments"]
    )
    heading = f'<h2>Comments <span class="count">{len(issue["comments"])}</span></h2>'
    return f"<section>{heading}{comments}</section>"
