"""Rules come from tables, a team's over the default ones; a mistake is one sentence that names rule and key."""

import tomllib
from typing import Any

import pytest

from audit_assets.config.errors import SettingError
from audit_assets.watch.rule_tables import parse_rules
from audit_assets_tests.watch.rules import TABLE

DEFAULTS = {"rule": [dict(TABLE)]}


def parse(text: str) -> Any:
    return parse_rules(DEFAULTS, tomllib.loads(text), path="ours.toml")


def test_a_rule_of_a_default_name_replaces_the_keys_that_it_holds() -> None:
    (found,) = parse('[[rule]]\nname = "test_rule"\nseverity = "low"\nenabled = false').rule
    assert (found.severity, found.enabled, found.title) == ("low", False, "A zone was deleted")


def test_a_disabled_rule_does_not_alert() -> None:
    assert parse("").enabled
    assert parse('[[rule]]\nname = "test_rule"\nenabled = false').enabled == ()


def test_any_other_rule_is_added() -> None:
    own = {**TABLE, "name": "ours"}
    assert [each.name for each in parse_rules(DEFAULTS, {"rule": [own]}, path="ours.toml").rule] == [
        "test_rule",
        "ours",
    ]


def test_one_pattern_needs_no_list() -> None:
    assert parse_rules(DEFAULTS).rule[0].match[0].resource_type == ("zone",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rule = 1", "ours.toml: rule is no list of tables: write each rule below its own [[rule]]."),
        ("[[rule]]\ntitle = 'x'", "ours.toml: rule 1 has no name: give it one, such as name = 'zone_deleted'."),
        ("rules = 1", "ours.toml: 'rules' is no key of it; known are not_watched, rule."),
        ("[[rule]]\nname = 'a_b'\n[[rule]]\nname = 'a_b'", "ours.toml: there are two rules named a_b: rename one"),
        ("[[rule]]\nname = 'zone_delete'\nenabled = false", "ours.toml: rule zone_delete: title: Field required."),
        (
            "[[rule]]\nname = 'test_rule'\nkinds = 1",
            "rule test_rule: 'kinds' is no key of it; known are after, benign,",
        ),
        (
            "[[rule]]\nname = 'test_rule'\nmatch = [{action = 'a'}, {actoin = 'x'}]",
            "ours.toml: rule test_rule: match.2: 'actoin' is no key of it; known are action, actor_type, before,",
        ),
        (
            "[[rule]]\nname = 'test_rule'\nmatch = [{stream = 'v1'}]",
            "match.1: it has no condition, so every entry would",
        ),
        ("[[rule]]\nname = 'test_rule'\nmatch = []", "rule test_rule: match: Tuple should have at least 1 item"),
        ("[[rule]]\nname = 'test_rule'\nmatch = [{kind = 'remove'}]", "match.1.kind.1: Input should be 'create',"),
        ("[[rule]]\nname = 'test_rule'\nseverity = 'bad'", "rule test_rule: severity: Input should be 'low',"),
        ("[[rule]]\nname = 'test_rule'\ntechnique = 'phishing'", "rule test_rule: technique: String should match"),
        ("[[rule]]\nname = 'test_rule'\nmatches = []", "rule test_rule: matches: Tuple should have at least 1 item"),
        ("[[rule]]\nname = 'test_rule'\ncount = {at_least = 5, minutes = 2000}", "count.minutes: Input should be less"),
        ('[[rule]]\nname = "test_rule"\nwhy = "one\\ntwo"', "why: write it on one line that can be seen"),
        (
            "[[rule]]\nname = 'test_rule'\ncount = {at_least = 5, minutes = 5}\n"
            "after = {at_least = 5, minutes = 5, match = [{action = 'a'}]}",
            "rule test_rule: it has both count and after: make two rules of it.",
        ),
    ],
)
def test_a_mistake_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SettingError) as failure:
        parse(text)
    assert sentence in str(failure.value)
    assert "\n" not in str(failure.value)
