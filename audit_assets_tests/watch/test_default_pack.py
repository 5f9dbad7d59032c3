"""The default pack does what its examples show, is documented, and leaves no known resource type out."""

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import audit_assets
from audit_assets.config.toml_files import read_defaults
from audit_assets.sandbox.organisation.resource_catalogue import KINDS
from audit_assets.watch.examples import failed_examples, is_alerting
from audit_assets.watch.matching import find_matches, is_any
from audit_assets.watch.rule_tables import parse_rules
from audit_assets.watch.rules import Match, WatchRule
from audit_assets_tests.watch.rules import entries, normalize

DEFAULTS = read_defaults("watch.toml")
RULES = parse_rules(DEFAULTS)

SAMPLES = Path(__file__).parents[1] / "fixtures" / "cloudflare"

IDENTIFIER = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

SUBJECTS = (
    *("logpush", "notification", "two_factor", "sso", "identity_provider", "api_token", "api_key", "member"),
    *("super_administrator", "zone_deleted", "zone_transfer", "paused", "registrar", "dnssec", "apex", "mail", "dns"),
    *("ruleset", "firewall", "bot", "access_policy", "service_token", "tunnel", "worker", "redirects", "certificate"),
    *("origin", "r2", "email", "load_balancing", "spectrum", "sign_in", "oauth", "billing", "zone_setting"),
)
"""What the pack is about at least (docs/facts/threats.md, 1)."""


@pytest.mark.parametrize("rule", RULES.rule, ids=lambda rule: rule.name)
def test_a_rule_does_what_its_examples_show(rule: WatchRule) -> None:
    assert list(failed_examples(rule, normalize)) == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_a_rule(subject: str) -> None:
    assert any(subject in rule.name for rule in RULES.rule)


def catalogue() -> list[dict[str, Any]]:
    """An entry for every resource type and action of the sandbox's catalogue."""
    found: list[dict[str, Any]] = []
    for kind in KINDS.values():
        for action in ("create", "update", "delete", "view"):
            if (action == "view" or kind.title == "LOGIN") and action not in kind.weights:
                continue
            if kind.v1_words is None:
                path = kind.path.format(account=IDENTIFIER, zone=IDENTIFIER, parent=IDENTIFIER)
                description = kind.title if kind.single else f"{action} {kind.title}"
                resource = {"type": kind.type, "product": kind.product, "request": {"enabled": True}}
                raw = {"uri": f"{path}/{IDENTIFIER}"}
                found.append({"action": {"type": action, "description": description}, "resource": resource, "raw": raw})
            elif action in kind.v1_words:
                word = {"type": kind.v1_words[action]}
                found.append({"stream": "v1", "action": word, "resource": {"type": kind.type}})
    return found


def samples() -> pl.DataFrame:
    """The public samples of both streams."""
    v1 = [json.loads(line) for line in (SAMPLES / "v1_entries.jsonl").read_text().splitlines()]
    v2 = json.loads((SAMPLES / "v2_response.json").read_text())["result"]
    return pl.concat([normalize(v1, "v1")[0], normalize(v2, "v2")[0]])


@pytest.mark.parametrize("source", ["catalogue", "samples"])
def test_every_resource_type_and_action_is_watched_or_is_listed_as_not_watched(source: str) -> None:
    frame = samples() if source == "samples" else entries(*catalogue())
    watched = find_matches(RULES.rule, frame.lazy())["entry_id"]
    listed = is_any([match for each in RULES.not_watched for match in each.match], frame)
    left = frame.filter(~pl.col("entry_id").is_in(pl.concat([watched, listed]).implode()))
    assert left.select("stream", "resource_type", "action", "action_description").rows() == []


def test_what_is_listed_as_not_watched_occurs() -> None:
    everything = pl.concat([samples(), entries(*catalogue())])
    for each in RULES.not_watched:
        assert not is_any(each.match, everything).is_empty(), each.because


def test_views_are_read_by_rules_and_are_no_changes() -> None:
    frame = entries({"stream": "v1", "action": {"type": "API_key_view"}, "resource": {"type": "user"}})
    assert frame["is_change"].to_list() == [False]
    assert "global_api_key_used" in find_matches(RULES.enabled, frame.lazy())["rule"].to_list()


THE_ELEVEN: dict[str, list[dict[str, Any]]] = {
    "an audit Logpush job deleted": [{"action": {"type": "delete"}, "resource": {"type": "logpush_job"}}],
    "DNSSEC disabled": [
        {"action": {"type": "update"}, "resource": {"type": "dnssec", "request": {"status": "disabled"}}}
    ],
    "a member made Super Administrator": [
        {
            "action": {"type": "update"},
            "resource": {"type": "member", "request": {"roles": ["33666b9c79b9a5273fc7344ff42f953d"]}},
        }
    ],
    "a managed WAF rule disabled": [
        {
            "action": {"type": "update"},
            "resource": {"type": "ruleset", "request": {"rules": [{"overrides": {"rules": [{"enabled": False}]}}]}},
        }
    ],
    "a zone deleted": [{"stream": "v1", "action": {"type": "delete"}, "resource": {"type": "zone"}}],
    "the apex MX record deleted": [
        {
            "stream": "v1",
            "action": {"type": "rec_del"},
            "resource": {"type": "DNS_record"},
            "oldValueJson": {"type": "MX", "name": "example.com"},
            "metadata": {"zone_name": "example.com"},
        }
    ],
    "an Access policy set to bypass": [
        {"action": {"type": "update"}, "resource": {"type": "access_policy", "request": {"decision": "bypass"}}}
    ],
    "notification policies removed": [
        {"action": {"type": "delete"}, "resource": {"type": "notification_policy"}, "times": 3}
    ],
    "an R2 bucket made public": [
        {
            "action": {"type": "update"},
            "raw": {"uri": f"/accounts/{IDENTIFIER}/r2/buckets/b/domains/managed"},
            "resource": {"type": "r2_bucket", "request": {"enabled": True}},
        }
    ],
    "TLS turned off": [
        {
            "action": {"type": "update"},
            "raw": {"uri": f"/zones/{IDENTIFIER}/settings/ssl"},
            "resource": {"type": "zone_setting", "request": {"value": "off"}},
        }
    ],
    "a sign-in after six failures": [
        {"action": {"type": "update", "description": "LOGIN", "result": "failure"}, "times": 6, "every": 1},
        {"action": {"type": "update", "description": "LOGIN"}, "minute": 7},
    ],
}


@pytest.mark.parametrize("event", THE_ELEVEN)
def test_what_nobody_should_miss_alerts_by_default(event: str) -> None:
    frame = entries(*THE_ELEVEN[event])
    assert any(is_alerting(rule, frame) for rule in RULES.enabled)


PAGE = (Path(audit_assets.__file__).parent / "docs" / "watch.md").read_text()


def test_the_page_has_the_table_of_the_pack() -> None:
    rows = [
        f"| `{rule.name}` | {rule.title} | {rule.severity} | {rule.technique} | {'yes' if rule.enabled else 'no'} |"
        for rule in RULES.rule
    ]
    assert [line for line in PAGE.splitlines() if re.match(r"\| `\w+` \| .* \| (?:yes|no) \|$", line)] == rows


def test_the_changelog_has_their_number() -> None:
    changelog = (Path(audit_assets.__file__).parent / "docs" / "CHANGELOG.md").read_text()
    assert f"- {len(RULES.rule)} rules alert on events that" in changelog
    assert f"harmless, {len(RULES.enabled)} of them by default" in changelog


def test_the_page_s_own_rule_passes_its_examples_and_its_override_is_one() -> None:
    blocks = re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)
    tables = [tomllib.loads(block) for block in blocks if "[[rule]]" in block]
    assert len(tables) == 2
    for own in tables:
        (name,) = [each["name"] for each in own["rule"]]
        (rule,) = [each for each in parse_rules(DEFAULTS, own, path="ours.toml").rule if each.name == name]
        assert list(failed_examples(rule, normalize)) == []


def test_every_condition_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*", PAGE, re.MULTILINE))))
    assert {each.name for each in fields(Match)} <= documented
    assert {each.name for each in fields(WatchRule)} <= set(re.findall(r"\w+", PAGE))
