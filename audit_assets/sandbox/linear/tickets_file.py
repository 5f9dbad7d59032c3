"""All tickets as one HTML file, which needs no server: what a demo leaves behind.

It holds what the pages of the tickets show. Links from one ticket to another lead within the file, and links to the
sandbox, which has stopped by the time somebody looks, are text.
"""

from collections.abc import Sequence
from functools import partial

from audit_assets.sandbox.linear.entity_store import Entity
from audit_assets.sandbox.linear.ticket_markdown import Pictures, render_markdown
from audit_assets.sandbox.sandbox_pages import page_policy, render_page, style_sheet

STYLE = style_sheet("linear/ticket_pages.css")


def tickets_file(issues: Sequence[Entity], pictures: Pictures, base_url: str) -> str:
    """The HTML of these tickets (as `LinearService.issues` gives them), newest first. `base_url`: the sandbox's."""
    places = {f"{base_url}{issue['path']}": f"#{issue['identifier']}" for issue in issues}

    def links(url: str) -> str | None:
        return places.get(url, None if url.startswith(f"{base_url}/") else url)

    return render_page(
        "linear/tickets_file.html.jinja",
        service="Linear",
        style=STYLE,
        policy=page_policy(STYLE, pictures=True),
        issues=issues[::-1],
        markdown=partial(render_markdown, pictures=pictures, links=links),
        links=links,
    )
