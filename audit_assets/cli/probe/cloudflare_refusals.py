"""What is assumed of what Cloudflare's audit log v2 refuses (docs/facts/cloudflare.md, 2.7 and 8)."""

from datetime import timedelta

from audit_assets.cli.probe.assumptions import Observation, assumption, decided, either_way
from audit_assets.cli.probe.cloudflare_scene import V2, CloudflareScene
from audit_assets.cloudflare.audit_log_client import LARGEST_PAGE

KEPT = timedelta(days=548)
"""18 months (docs/facts/cloudflare.md, 2.1)."""


@assumption(
    "cloudflare-page-1000",
    "A page of 1,000 entries is listed",
    fact="docs/facts/cloudflare.md, 2.3",
    does=either_way("A refusal ends the run with an error; a page that is too large is halved"),
)
def a_page_of_1000_is_listed(scene: CloudflareScene) -> Observation:
    """Ask for the page size of a pull."""
    answer = scene.client.ask(V2, scene.sample(V2).request)
    return decided(answer.is_list, f"it was answered with HTTP {answer.status}")


@assumption(
    "cloudflare-page-1001",
    "A limit above 1,000 is refused with 400",
    fact="docs/facts/cloudflare.md, 8",
    does=either_way("It never asks for more than 1,000"),
)
def a_page_of_1001_is_refused(scene: CloudflareScene) -> Observation:
    """Ask for one entry more than is documented."""
    answer = scene.client.ask(V2, {**scene.sample(V2).request, "limit": LARGEST_PAGE + 1})
    return decided(answer.status == 400, f"it was answered with HTTP {answer.status}")


@assumption(
    "cloudflare-bounds-required",
    "A request without `since` and `before` is refused with 400",
    fact="docs/facts/cloudflare.md, 2.7",
    does=either_way("It always sends both"),
)
def missing_bounds_are_refused(scene: CloudflareScene) -> Observation:
    """Ask without `since` and `before`."""
    answer = scene.client.ask(V2, {"direction": "asc", "limit": 1})
    return decided(answer.status == 400, f"it was answered with HTTP {answer.status}")


@assumption(
    "cloudflare-no-credentials",
    "A request without credentials is refused with 400, 401 or 403",
    fact="docs/facts/cloudflare.md, 2.7",
    does=either_way("It takes each of them for a refusal"),
)
def missing_credentials_are_refused(scene: CloudflareScene) -> Observation:
    """Ask without a token."""
    answer = scene.client.ask_without_token(V2, {**scene.sample(V2).request, "limit": 1})
    return decided(answer.status in (400, 401, 403), f"it was answered with HTTP {answer.status}")


@assumption(
    "cloudflare-too-old",
    "v2 refuses a window of more than 18 months ago with 400",
    fact="docs/facts/cloudflare.md, 2.7",
    does=either_way("It pulls no hour before the first one; a refusal names the 18 months"),
)
def a_window_too_old_is_refused(scene: CloudflareScene) -> Observation:
    """Ask for an hour of 20 months ago."""
    start = scene.now() - KEPT - timedelta(days=60)
    answer = scene.ask(V2, start, start + timedelta(hours=1))
    return decided(answer.status == 400, f"it was answered with HTTP {answer.status}")


ASSUMPTIONS = [
    a_page_of_1000_is_listed,
    a_page_of_1001_is_refused,
    missing_bounds_are_refused,
    missing_credentials_are_refused,
    a_window_too_old_is_refused,
]
