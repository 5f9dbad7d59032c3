"""The pages that show the sandbox's tickets to people: a list, and a page for each ticket.

They belong to no service: no fault reaches them, and no API key is needed. The sandbox's guard is in front of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from audit_assets.sandbox.linear.issue_rules import TICKETS_PATH
from audit_assets.sandbox.linear.ticket_markdown import Pictures, render_markdown
from audit_assets.sandbox.sandbox_pages import page_headers, render_page, style_sheet

Issue = dict[str, Any]
"""As `LinearService.issues` gives it."""

STYLE = style_sheet("linear/ticket_pages.css")
HEADERS = page_headers(STYLE, pictures=True)


def ticket_routes(issues: Callable[[], list[Issue]], pictures: Pictures) -> list[Route]:
    """The routes of the pages; `issues` reads the tickets as they are now, oldest first."""

    def tickets(_: Request) -> Response:
        return _page("ticket_list", issues=issues()[::-1])

    def ticket(request: Request) -> Response:
        identifier = request.path_params["identifier"].upper()
        for issue in issues():
            if issue["identifier"] == identifier:
                markdown = partial(render_markdown, pictures=pictures)
                return _page("ticket", issue=issue, markdown=markdown, links=lambda url: url)
        return _page("ticket_missing", status=404, identifier=identifier)

    def to_tickets(_: Request) -> Response:
        return RedirectResponse(TICKETS_PATH)

    return [
        Route("/", to_tickets),
        Route("/sandbox", to_tickets),
        Route(TICKETS_PATH, tickets),
        Route(f"{TICKETS_PATH}/{{identifier}}", ticket),
    ]


def _page(name: str, *, status: int = 200, **values: Any) -> Response:
    html = render_page(f"linear/{name}.html.jinja", service="Linear", style=STYLE, **values)
    return HTMLResponse(html, status, headers=HEADERS)
