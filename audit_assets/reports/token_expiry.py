"""Whether a token is about to expire, where its service shows that: Cloudflare's does. Pure."""

from datetime import datetime, timedelta

from audit_assets.cloudflare.token_verification import TokenFacts
from audit_assets.reports.alert_state import Found
from audit_assets.tickets.formatting import day_name, pluralize

NOTICE = timedelta(days=14)
"""So long before its end a token is reported: long enough for a weekend, and for whoever makes tokens. A judgement."""

NEXT_STEP = "Make a new token with the same permission in Cloudflare, and set {} to it."


def judge_token(token: TokenFacts | None, now: datetime, variable: str = "CLOUDFLARE_API_TOKEN") -> list[Found]:
    """A problem if the token has ended or is about to. None: Cloudflare did not show it. `variable`: where it is."""
    if token is None:
        return []
    step = NEXT_STEP.format(variable)
    if token.status in ("disabled", "expired"):
        return [Found("token", f"{variable} is {token.status}", step)]
    if token.expires is None or token.expires - now > NOTICE:
        return []
    if token.expires <= now:
        return [Found("token", f"{variable} expired on {day_name(token.expires)}", step)]
    days = (token.expires - now) // timedelta(days=1)
    left = f"in {pluralize(days, 'day')}" if days else "within a day"
    return [Found("token", f"{variable} expires on {day_name(token.expires)}, {left}", step)]
