"""The process in which apprise sends the messages of one channel: `python -m audit_assets.notify.apprise_process`.

Standard input holds one JSON object: `address`, `messages` (id, severity, title, text) and `message_seconds`. Standard
output gets a JSON object a line: first `{"service": NAME}`, null if apprise does not know the address, then for each
message `{"id", "status": "sent" | "refused" | "silent", "http"}`. Nothing else leaves it: what apprise logs may hold
the address. It imports nothing of ours, and needs the extra `notify`.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import apprise

KINDS = {"urgent": "failure", "high": "failure", "medium": "warning", "low": "info"}
"""apprise's own degrees by severity: a pager takes `failure` for critical."""

HTTP_STATUS = re.compile(r"\berror=([1-5]\d\d)\b")
"""As apprise's services name it in the warning about an answer (apprise 2.3.0)."""


def run(order: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Send the messages, and yield what became of each as soon as it is known.

    A service that gave no answer in time is asked no more: the messages left are not yielded.
    """
    asset = apprise.AppriseAsset(
        app_id="audit-assets", http_redirects=False, interpret_emojis=False, interpret_escapes=False, async_mode=False
    )
    service = apprise.Apprise.instantiate(order["address"], asset=asset)
    yield {"service": str(service.service_name) if service else None}
    if not service:
        return
    sender = apprise.Apprise(asset=asset)
    sender.add(service)
    for message in order["messages"]:
        result = sender.notify(
            body=message["text"],
            title=message["title"],
            notify_type=KINDS[message["severity"]],
            body_format="text",
            timeout=order["message_seconds"],
        )
        is_silent = result.status == apprise.AppriseResultStatus.TIMEOUT
        yield {
            "id": message["id"],
            "status": "sent" if result else "silent" if is_silent else "refused",
            "http": _http_status(result),
        }
        if is_silent:
            return


def _http_status(result: Any) -> str | None:
    statuses = [found[1] for entry in result.logs() if (found := HTTP_STATUS.search(entry.message))]
    return statuses[-1] if statuses else None


if __name__ == "__main__":
    for line in run(json.load(sys.stdin)):
        print(json.dumps(line), flush=True)
    os._exit(0)  # apprise leaves threads behind that wait for a silent service, and Python would wait for them
