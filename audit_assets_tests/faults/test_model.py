"""A few sequences of the stateful model, always the same. In full: `python -m audit_assets_tests.faults.model`."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from audit_assets_tests.faults.model import Hours

FEW = settings(
    max_examples=2,
    stateful_step_count=5,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def test_whatever_happens_in_whatever_order_nothing_is_lost_or_twice() -> None:
    run_state_machine_as_test(Hours, settings=FEW)
