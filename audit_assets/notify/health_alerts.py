"""An alert about the pipeline itself, for a webhook: as one JSON object, or as OCSF events (docs/facts/ocsf.md)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from audit_assets.notify.ocsf import CLOSE, CREATE, pipeline_event

VERSION = 1


def health_alert(
    problems: Sequence[Mapping[str, str]], ticket: Mapping[str, str] | None, at: datetime, account: str = ""
) -> dict[str, Any]:
    """The state of the pipeline: healthy without problems. Each problem has `kind`, `sentence`, `next_step` and
    `since`; `ticket` has `identifier` and `url`; `account` is the name of one of several. A receiver of summaries knows
    it by its one key."""
    return {
        "pipeline_health": {
            "version": VERSION,
            **({"account": account} if account else {}),
            "status": "problem" if problems else "healthy",
            "at": at.isoformat(timespec="seconds"),
            "problems": [*problems],
            "ticket": ticket,
        }
    }


def problem_events(
    problems: Iterable[Mapping[str, str]], ticket: Mapping[str, str] | None, at: datetime, account: str = ""
) -> list[dict[str, Any]]:
    """An event for each problem, which has `key` besides. `account`: the name of one of several."""
    url = ticket["url"] if ticket else None
    return [
        pipeline_event(CREATE, _key(account, problem["key"]), f"{problem['sentence']} {problem['next_step']}", at, url)
        for problem in problems
    ]


def recovery_events(keys: Iterable[str], at: datetime, account: str = "") -> list[dict[str, Any]]:
    """An event that closes each problem that was sent under such a key."""
    return [pipeline_event(CLOSE, _key(account, key), "The pipeline is healthy again.", at, None) for key in keys]


def _key(account: str, key: str) -> str:
    return f"{account}/{key}" if account else key
