"""What a person may set for one run is refused if it makes no sense: it never silently means the default."""

from math import inf, nan

import pytest
from pydantic import ValidationError

from audit_assets.config.policy import policy
from audit_assets.config.policy_tables import PRESETS
from audit_assets.defs.assets.flagged_actors import FlaggedActorsConfig, RunPreset


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        (0, "greater than 0"),
        (-1.0, "greater than 0"),
        (nan, "a finite number"),
        (inf, "a finite number"),
        (1e7, "less than or equal to 1000000"),
        ("many", "a valid number"),
    ],
)
def test_a_budget_that_is_no_number_above_zero_is_refused(budget: object, sentence: str) -> None:
    with pytest.raises(ValidationError, match=f"tickets_per_day\n.*{sentence}"):
        FlaggedActorsConfig.model_validate({"tickets_per_day": budget})


def test_a_run_may_choose_any_preset_of_the_policy_and_no_other() -> None:
    assert {preset.value for preset in RunPreset} == {*PRESETS}
    with pytest.raises(ValidationError, match="preset"):
        FlaggedActorsConfig.model_validate({"preset": "loud"})


def test_a_small_budget_of_a_run_is_not_taken_for_none() -> None:
    assert policy(None, 0.001).tickets_a_day == 0.001
    assert policy(None, 0.0).tickets_a_day == 0.0, "whether it makes sense is decided where it is set"
