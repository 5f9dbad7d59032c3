"""Channels take messages through apprise, over real sockets: once, within bounds, and with no secret in an error."""

import socket
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message as Mail
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from audit_assets.config.errors import Refused, SettingError
from audit_assets.notify.apprise_channel import ChannelLimits, check_channel, send_messages
from audit_assets.notify.messages import Message
from audit_assets_tests.notify.receivers import Receiver, receiving

SECRET = "canary-of-the-channel"
VARIABLE = "AUDIT_ASSETS_CHANNEL_PAGER"
MESSAGES = [
    Message("a", "urgent", "Deleted 337 DNS records", "In the hour …\n\nSEC-1 https://linear.app/acme/issue/SEC-1"),
    Message("b", "low", "Another", "In the hour …"),
]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving(f"/{SECRET}") as made:
        monkeypatch.setenv(VARIABLE, f"json://{made.host}/{SECRET}")
        yield made


def test_messages_arrive_with_title_text_and_degree(receiver: Receiver) -> None:
    delivery = send_messages("pager", MESSAGES)
    assert (delivery.sent, delivery.problem) == (("a", "b"), None)
    first, second = receiver.received
    assert (first["title"], first["message"], first["type"]) == (MESSAGES[0].title, MESSAGES[0].text, "failure")
    assert (second["title"], second["type"]) == ("Another", "info")


@pytest.mark.parametrize(("status", "shown"), [(404, "HTTP 404"), (503, "HTTP 503"), (302, "HTTP 302")])
def test_a_refusal_is_one_sentence_without_the_address(receiver: Receiver, status: int, shown: str) -> None:
    receiver.status = status
    delivery = send_messages("pager", MESSAGES)
    assert delivery.sent == ()
    assert delivery.problem == f"JSON answered {shown}: correct {VARIABLE}, or run the hour again later."


def test_nobody_at_the_address_is_one_sentence_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"json://127.0.0.1:9/{SECRET}")
    problem = send_messages("pager", MESSAGES).problem or ""
    assert "JSON could not be reached, or refused the message" in problem
    assert SECRET not in problem


def test_a_silent_service_is_left_after_its_time_and_asked_no_more(receiver: Receiver) -> None:
    receiver.silent = True
    began = time.monotonic()
    delivery = send_messages("pager", MESSAGES, ChannelLimits(message_seconds=0.5, total_seconds=60))
    assert time.monotonic() - began < 20
    assert (delivery.sent, delivery.problem) == (
        (),
        "JSON gave no answer within 0.5 s: run the hour again later.",
    )
    assert len(receiver.received) == 1


def test_a_service_that_takes_longer_than_all_messages_may_is_ended(receiver: Receiver) -> None:
    receiver.silent = True
    began = time.monotonic()
    delivery = send_messages("pager", MESSAGES, ChannelLimits(message_seconds=60, total_seconds=2.5))
    assert time.monotonic() - began < 20
    assert delivery.sent == ()
    assert "within 2" in (delivery.problem or "")


@pytest.mark.parametrize("address", [f"nosuch://{SECRET}", SECRET, f"slack://{SECRET}"])
def test_an_address_that_apprise_does_not_know_is_one_sentence(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(Refused) as refused:
        check_channel("pager")
    assert (
        str(refused.value) == f"{VARIABLE} holds no address that apprise knows, or a part of it is missing: correct it."
    )
    assert send_messages("pager", MESSAGES).problem == str(refused.value)


def test_a_variable_that_is_not_set_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(
        SettingError, match=f"{VARIABLE} is not set: set it to the apprise address of the channel pager"
    ):
        check_channel("pager")
    assert "is not set" in (send_messages("pager", MESSAGES).problem or "")


def test_without_the_extra_the_sentence_names_it(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    problem = send_messages("pager", MESSAGES).problem
    assert problem == "the channel pager needs the extra `notify`: install audit-assets[notify], or remove it."


def test_a_channel_can_be_checked_without_sending_anything(receiver: Receiver) -> None:
    assert check_channel("pager") == "JSON"
    assert receiver.received == []


def test_no_setting_of_ours_and_no_proxy_reaches_apprise(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send_messages("pager", MESSAGES).sent == ("a", "b")


class Mailbox:
    """What a mail server took."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_mail_arrives_as_plain_words_with_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        monkeypatch.setenv(
            VARIABLE, f"mailto://127.0.0.1:{port}?from=audit@example.com&to=team@example.com&mode=insecure"
        )
        assert send_messages("pager", MESSAGES[:1]).problem is None
    finally:
        server.stop()
    (mail,) = mailbox.mails
    assert (mail["Subject"], "team@example.com" in mail["To"]) == ("Deleted 337 DNS records", True)
    texts = [part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart()]  # pyright: ignore
    assert any("https://linear.app/acme/issue/SEC-1" in text for text in texts)
