"""Examples are run as entries; one that does not do what it must, or is no entry, is a sentence."""

from typing import Any

import pytest

from audit_assets.watch.examples import failed_examples
from audit_assets_tests.watch.rules import TABLE, normalize, rule


def failures(**changed: Any) -> list[str]:
    return list(failed_examples(rule(**changed), normalize))


def test_a_rule_that_does_what_its_examples_show_has_no_failure() -> None:
    assert failures() == []


def test_each_example_that_fails_is_named() -> None:
    assert failures(match=[{"action": "update"}]) == [
        "test_rule: example 1 of matches does not alert.",
        "test_rule: example 1 of no_matches alerts.",
    ]


@pytest.mark.parametrize(
    ("example", "sentence"),
    [
        ({"stream": "v3"}, "has the stream 'v3': it is v2, v1 or organization"),
        ({"times": "often"}, "has times = 'often': it is a number"),
        ({"action": {"time": "soon"}}, "can't be read as an entry: it has no time that can be read"),
    ],
)
def test_an_example_that_is_no_entry_is_a_sentence(example: dict[str, Any], sentence: str) -> None:
    assert failures(matches=[*TABLE["matches"], example]) == [f"test_rule: example 2 of matches {sentence}."]
