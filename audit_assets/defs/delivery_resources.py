"""Where an hour goes besides Linear: the webhook, and the channels that the policy names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit_assets.config.settings import setting, webhook_format
from audit_assets.notify.apprise_channel import ChannelLimits, Delivery, check_channel, send_messages
from audit_assets.notify.heartbeat import send_heartbeat
from audit_assets.notify.messages import Message
from audit_assets.notify.ocsf import detection_findings
from audit_assets.notify.webhook import IN_SECONDS, post_json
from audit_assets.transport.clock import Clock, SystemClock


@dataclass(frozen=True)
class WebhookResource:
    """Where summaries are sent, if anywhere."""

    clock: Clock = field(default_factory=SystemClock)

    def is_set(self) -> bool:
        """Whether a webhook is set."""
        return bool(setting("AUDIT_ASSETS_WEBHOOK_URL"))

    def post(self, summary: Mapping[str, Any], *, is_update: bool) -> None:
        """Send an hour in the format of the settings; `is_update`: it was sent before. An hour without findings is not
        sent as OCSF. Raises `SettingError`, `Refused` or `Unavailable`."""
        content: Any = summary
        if webhook_format() == "ocsf" and not (content := detection_findings(summary, is_update=is_update)):
            return
        post_json(content, setting("AUDIT_ASSETS_WEBHOOK_URL"), clock=self.clock)

    def post_alert(self, content: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Send an alert about the pipeline, in seconds or not at all. Raises as `post`."""
        post_json(content, setting("AUDIT_ASSETS_WEBHOOK_URL"), clock=self.clock, limits=IN_SECONDS)


@dataclass(frozen=True)
class HeartbeatResource:
    """The address that notices when no hour is judged any more, if there is one."""

    clock: Clock = field(default_factory=SystemClock)

    def is_set(self) -> bool:
        """Whether there is one."""
        return bool(setting("AUDIT_ASSETS_HEARTBEAT_URL"))

    def send(self) -> None:
        """Call it. Raises `SettingError`, `Refused` or `Unavailable`."""
        send_heartbeat(setting("AUDIT_ASSETS_HEARTBEAT_URL"), clock=self.clock)


@dataclass(frozen=True)
class ChannelsResource:
    """Where findings are sent besides Linear: the channels that the policy names."""

    clock: Clock = field(default_factory=SystemClock)
    limits: ChannelLimits = field(default_factory=ChannelLimits)

    def send(self, channel: str, messages: Sequence[Message]) -> Delivery:
        """Send messages to a channel. A channel that can't be used is a problem of the delivery, and raises nothing."""
        return send_messages(channel, messages, self.limits)

    def check(self, channel: str) -> str:
        """The name of the service behind a channel. Raises `SettingError`, `Refused` or `Unavailable`."""
        return check_channel(channel, self.limits)
