"""Whatever goes wrong on the way, a pull is what it would have been without, or it is none at all."""

from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audit_assets.cloudflare import audit_log_client as client_module
from audit_assets.config.errors import Incomplete, Unavailable
from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.cloudflare.clients import client_of, entries_in
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, MAKERS
from audit_assets_tests.support import JumpingClock

FAULT_KINDS = [
    *("drop_before", "drop_after", "torn", "html", "cut_json", "not_success", "result_not_list", "result_null"),
    *("wrong_count", "no_result_info", "outside_window", "empty_page", "repeat_cursor", "disorder", "cursors_after"),
]

seconds = st.one_of(st.integers(-400, 4_000), st.sampled_from([0, 1_800, 3_600]))
faults = st.tuples(st.sampled_from(FAULT_KINDS), st.integers(1, 6), st.integers(1, 3))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.sampled_from(["v2", "v1"]), st.lists(seconds, max_size=40), st.lists(faults, max_size=3), st.booleans())
@example("v1", [3_601], [("drop_before", 1, 1), ("outside_window", 3, 1)], False)  # of the second part of a list
def test_a_pull_is_whole_or_none(
    sandbox: Sandbox,
    clock: JumpingClock,
    stream: str,
    moments: list[int],
    errors: list[tuple[str, int, int]],
    inclusive: bool,
) -> None:
    vars(sandbox.cloudflare).update(vars(CloudflareService(sandbox.shared, sandbox.faults)))
    sandbox.faults.clear()
    sandbox.cloudflare.behaviour.before_inclusive = inclusive
    entries = [MAKERS[stream](number, after=timedelta(seconds=moment)) for number, moment in enumerate(moments)]
    sandbox.cloudflare.add(stream, entries)
    for kind, at, times in errors:
        unaffected = stream == "v1" and kind in ("no_result_info", "empty_page", "repeat_cursor", "cursors_after")
        if not unaffected:
            sandbox.faults.add(Fault("cloudflare", stream, kind, at=at, times=times))
    with pytest.MonkeyPatch.context() as patched, closing(client_of(sandbox, clock)) as client:
        patched.setattr(client_module, "LARGEST_PAGE", 7)
        try:
            pull = client.pull(stream, HOUR, HOUR + AN_HOUR)
        except (Incomplete, Unavailable):
            assert errors
            return
    within = [entry["id"] for entry, moment in zip(entries, moments, strict=True) if 0 <= moment < 3_600]
    assert sorted(entries_in(pull)["native_id"]) == within
    assert pull.quarantined == []
