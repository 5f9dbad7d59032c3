"""How fast requests are sent to Cloudflare."""

import pytest

from audit_assets.cloudflare.request_pacing import RequestPacer
from audit_assets_tests.support import JumpingClock


class ManualClock(JumpingClock):
    """Moves only by its waits."""

    def monotonic(self) -> float:
        return sum(self.waits)


def test_five_minutes_never_have_more_requests_than_allowed() -> None:
    clock = ManualClock()
    pacer = RequestPacer(clock)
    sent: list[float] = []
    for _ in range(3_000):
        clock.sleep(pacer.book_request())
        sent.append(clock.monotonic())
    assert sent[99] == 0
    most = max(sum(start <= time < start + 300 for time in sent) for start in sent[::50])
    assert 950 <= most <= 1_000


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ('"default";r=50;t=30', 0),
        ('"default";r=10;t=30', 3),
        ('"default";r=0;t=30', 30),
        ('"default"; r=1; t=7', 7),
        ('"burst";r=90;t=1, "default";r=2;t=60', 30),
        ("", 0),
        ("r=;t=", 0),
        ("\u0662;r=\u0662;t=\u0662", 0),
        ('"default";r=0;t=99999999999999999999', 0),
    ],
)
def test_the_remaining_requests_are_spread_by_the_servers_own_count(header: str, wait: float) -> None:
    pacer = RequestPacer(ManualClock())
    pacer.apply_ratelimit(header)
    assert pacer.book_request() == wait
