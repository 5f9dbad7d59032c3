"""Sends messages to a channel through apprise: Slack, Teams, PagerDuty, mail and a hundred others by one address.

apprise runs in a process of its own (apprise_process.py). A read time-out of its services starts anew with every byte,
and a thread of theirs that hangs keeps a Python process from ending, so that only a process can be bounded in time; and
what it logs, which may hold an address, ends there. Its process gets neither our settings nor a proxy or a `.netrc`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

from audit_assets.config.errors import Refused, SettingError, Unavailable
from audit_assets.config.settings import environment_value
from audit_assets.config.settings_table import CHANNEL_PREFIX
from audit_assets.notify.messages import Message
from audit_assets.transport.proxy import proxy_variables

INHERITED = frozenset(
    {"PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SYSTEMROOT", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)
"""What apprise's process gets of this process's environment: where Python and certificates are, and no secret."""


@dataclass(frozen=True)
class ChannelLimits:
    """How long a channel may take. Judgements: some services take a message every 5 seconds."""

    message_seconds: float = 20.0
    """One message, apprise's own waiting between messages included. After a service was silent for so long, it is
    asked no more in this hour."""

    total_seconds: float = 180.0
    """All messages of an hour."""


@dataclass(frozen=True)
class Delivery:
    """What became of the messages of a channel: `sent`, their ids; `problem`, one sentence why others were not."""

    sent: tuple[str, ...] = ()
    problem: str | None = None


def variable_of(channel: str) -> str:
    """The environment variable that holds the address of a channel."""
    return f"{CHANNEL_PREFIX}{channel.upper()}"


def send_messages(channel: str, messages: Sequence[Message], limits: ChannelLimits | None = None) -> Delivery:
    """Send messages to a channel by the address in its variable. Never raises for a channel that can't be used."""
    limits = limits or ChannelLimits()
    try:
        (service, *lines), ended = _run(channel, messages, limits)
    except SettingError as error:
        return Delivery(problem=str(error))
    if not ended and not service:
        return Delivery(problem=f"apprise did not start within {limits.total_seconds:.0f} s: run the hour again later.")
    try:
        _check_known(channel, service)
    except Refused as error:
        return Delivery(problem=str(error))
    sent = tuple(line["id"] for line in lines if line["status"] == "sent")
    if len(sent) == len(messages):
        return Delivery(sent)
    failed = next((line for line in lines if line["status"] != "sent"), None)
    return Delivery(sent, _sentence(channel, service["service"], failed, limits))


def check_channel(channel: str, limits: ChannelLimits | None = None) -> str:
    """The name of the service at a channel's address, as apprise calls it. Sends nothing. Raises `SettingError` or
    `Refused` for one that can't be used, `Unavailable` if apprise does not start in time."""
    (service, *_), _ = _run(channel, [], limits or ChannelLimits())
    if not service:
        raise Unavailable("apprise did not start in time: try again.")
    _check_known(channel, service)
    return service["service"]


def _run(channel: str, messages: Sequence[Message], limits: ChannelLimits) -> tuple[list[dict[str, Any]], bool]:
    """The lines that apprise's process wrote, the first one empty if it wrote none, and whether it ended by itself."""
    address = environment_value(variable_of(channel))
    if not address:
        raise SettingError(
            f"{variable_of(channel)} is not set: set it to the apprise address of the channel {channel}."
        )
    if find_spec("apprise") is None:
        raise SettingError(
            f"the channel {channel} needs the extra `notify`: install audit-assets[notify], or remove it."
        )
    order = {
        "address": address,
        "messages": [asdict(message) for message in messages],
        "message_seconds": limits.message_seconds,
    }
    command = [sys.executable, "-m", f"{__package__}.apprise_process"]
    kept = {name: value for name, value in os.environ.items() if name.upper() in INHERITED}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    given = {**kept, **proxy_variables(), "NETRC": os.devnull}
    with subprocess.Popen(command, env=given, text=True, **pipes) as process:  # noqa: S603 - ours
        try:
            output, _ = process.communicate(json.dumps(order), timeout=limits.total_seconds)
            ended = True
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            ended = False
    whole = [line for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole] or [{}], ended


def _check_known(channel: str, service: dict[str, Any]) -> None:
    if not service:
        raise Refused(f"apprise failed with the address in {variable_of(channel)}: correct it, or update apprise.")
    if service["service"] is None:
        raise Refused(
            f"{variable_of(channel)} holds no address that apprise knows, or a part of it is missing: correct it."
        )


def _sentence(channel: str, service: str, failed: dict[str, Any] | None, limits: ChannelLimits) -> str:
    if failed is None:
        return f"{service} did not take all messages within {limits.total_seconds:.0f} s: run the hour again later."
    if failed["status"] == "silent":
        return f"{service} gave no answer within {limits.message_seconds:g} s: run the hour again later."
    answered = f"answered HTTP {failed['http']}" if failed["http"] else "could not be reached, or refused the message"
    return f"{service} {answered}: correct {variable_of(channel)}, or run the hour again later."
