"""The policy: presets and budgets from settings, tables from a file, one sentence for each mistake."""

from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from audit_assets.config import policy
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import SettingError
from audit_assets.config.policy_tables import Allowance, TicketFields


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's policy file, empty, in force."""
    path = tmp_path / "ours.toml"
    path.write_text("")
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(path))
    return path


def test_by_default_it_is_balanced_at_one_ticket_a_day() -> None:
    found = policy.policy()
    assert (found.preset, found.tickets_a_day, found.allowances, found.incidents) == ("balanced", 1.0, (), ())
    assert (found.plain.ratio, found.plain.minimum) == (10, 10)
    assert policy.tables().counted == ChangeFilter(), "policy.toml repeats the defaults"


@pytest.mark.parametrize(("preset", "budget"), [("quiet", 0.25), ("Balanced", 1.0), ("plain", 1.0)])
def test_a_preset_brings_its_budget(monkeypatch: pytest.MonkeyPatch, preset: str, budget: float) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_PRESET", preset)
    assert (policy.policy().preset, policy.policy().tickets_a_day) == (preset.lower(), budget)


def test_a_run_overrides_the_settings_and_they_the_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_DAY", "3")
    assert policy.policy("quiet").tickets_a_day == 3
    assert (policy.policy("quiet", 0.5).preset, policy.policy("quiet", 0.5).tickets_a_day) == ("quiet", 0.5)


def test_only_none_leaves_the_budget_to_the_settings() -> None:
    assert policy.policy(tickets_a_day=None).tickets_a_day == 1.0
    assert policy.policy(tickets_a_day=0.0).tickets_a_day == 0.0, "0 is a budget, not the lack of one"


def test_a_file_replaces_the_tables_that_it_holds(own_file: Path) -> None:
    defaults = policy.policy().sensitive
    own_file.write_text(
        """
        [[allow]]
        actor = "terraform@example.com"
        until = 2027-01-31
        reason = "moves the zones"
        [counted]
        without_results = []
        """
    )
    assert policy.policy().allowances == (Allowance(date(2027, 1, 31), "moves the zones", "terraform@example.com"),)
    assert policy.tables().counted.without_results == ()
    assert policy.policy().sensitive == defaults
    own_file.write_text("sensitive = []")
    assert policy.policy().sensitive == ()


def test_the_fields_of_tickets_are_a_table(own_file: Path) -> None:
    assert policy.tables().ticket_fields == ()
    example = (
        (files("audit_assets.config") / "policy.toml").read_text(encoding="utf-8").partition("# [[ticket_fields]]")
    )
    own_file.write_text("\n".join(line.removeprefix("# ") for line in "".join(example[1:]).splitlines()))
    assert policy.tables().ticket_fields == (
        TicketFields(
            touching=("*firewall*", "*waf*"),
            actors=("terraform@example.com",),
            team="NET",
            project="Edge hardening",
            labels=("firewall", "automation"),
        ),
        TicketFields(severities=("urgent", "high"), assignee="anne@example.com", priority="urgent"),
    )


@pytest.mark.parametrize(
    ("kind", "resource_type", "action", "because"),
    [
        ("delete", "dns_record", "delete", ["deletes"]),
        ("create", "user", "token_create", ["API tokens and keys"]),
        ("update", "account_member", "update", ["members and roles"]),
        ("update", "identity_provider", "update", ["sign-in and single sign-on"]),
        ("delete", "WAF_rule", "delete", ["deletes", "firewall and access rules"]),
        ("update", "zone", "purge", ["whole zones"]),
        ("update", "account", "add_enforce_twofactor", ["sign-in and single sign-on"]),
        ("update", "account", "remove_enforce_two_factors", ["sign-in and single sign-on"]),
        ("update", "logpush job", "update", ["the audit trail itself"]),
        ("update", "access.policies", "update", ["firewall and access rules"]),
        ("update", "access_organization", "update", []),
        ("update", "dns_record", "update", []),
    ],
)
def test_what_weighs_more_by_default(kind: str, resource_type: str, action: str, because: list[str]) -> None:
    table = policy.policy().sensitive
    assert [each.because for each in table if each.matches(resource_type, action, kind)] == because


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[[allow", "is no TOML"),
        ("[allowances]", "allowances: Unexpected"),
        ('[[allow]]\nuntil = 2027-01-31\nreason = "r"', "allow.1: name an actor, a resource_type or both"),
        ('[[allow]]\nactor = "a"\nuntil = 2027-01-31\nreason = " "', "allow.1: give a reason"),
        (
            '[[allow]]\nactor = \'token "ci" of a@example.com\'\nuntil = 2027-01-31\nreason = "r"',
            "allow.1: 'token \"ci\" of a@example.com' is what a token is called, and whoever makes a token can choose",
        ),
        ('[[allow]]\nactor = "a"\nreason = "r"', "allow.1.until: Field required"),
        ('[[allow]]\nactor = "a"\nuntil = 2027-01-31\nreason = "r"\nuntl = 1', "allow.1.untl: Unexpected"),
        (
            '[[confirmed_incident]]\nactor = "a"\nstart = 2026-11-22T10:00:00\nend = 2026-11-22T11:00:00Z',
            "confirmed_incident.1: give start and end with their zone",
        ),
        (
            '[[confirmed_incident]]\nactor = "a"\nstart = 2026-11-22T10:00:00Z\nend = 2026-11-22T09:00:00Z',
            "confirmed_incident.1: end must be after start",
        ),
        ("[counted]\nwithout_actions = ['x\"']", "counted: without_actions has"),
        ('[[sensitive]]\nbecause = "x"\nkinds = ["destroy"]', "sensitive.1.kinds.1: Input should be"),
        ('[[ticket_fields]]\nteam = "A"\n[[ticket_fields]]\nteem = "B"', "ticket_fields.2.teem: Unexpected"),
        ('[[ticket_fields]]\nseverities = ["grave"]\nteam = "A"', "ticket_fields.1.severities.1: Input should be"),
        ('[[ticket_fields]]\nactors = []\nteam = "A"', "ticket_fields.1: actors is empty, so no ticket would match"),
        ('[[ticket_fields]]\ntouching = "zone"\nteam = "A"', "ticket_fields.1.touching: Input should be"),
        ('[[ticket_fields]]\nactors = ["a"]', "ticket_fields.1: name a team, a project, labels, an assignee or a"),
        ('[[ticket_fields]]\nteam = ""', "ticket_fields.1: '' is no name"),
        ('[[ticket_fields]]\nlabels = ["edge "]', "ticket_fields.1: 'edge ' is no name"),
        (
            '[[ticket_fields]]\nlabels = ["a", "false-positive"]',
            "ticket_fields.1: the label 'false-positive' is a verdict",
        ),
        ('[[ticket_fields]]\nassignee = "a\\u202eb"', "ticket_fields.1: 'a\\u202eb' is no name"),
        ("[[ticket_fields]]\npriority = 0", "ticket_fields.1.priority: Input should be 'urgent', 'high', 'medium',"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_place(own_file: Path, text: str, shown: str) -> None:
    own_file.write_text(text)
    with pytest.raises(SettingError) as error:
        policy.policy()
    assert "ours.toml" in str(error.value)
    assert shown in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path / "none.toml"))
    with pytest.raises(SettingError, match="does not exist"):
        policy.policy()
    monkeypatch.setenv("AUDIT_ASSETS_POLICY", str(tmp_path))
    with pytest.raises(SettingError, match="can't be read"):
        policy.policy()


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf"])
def test_a_budget_that_is_no_number_above_0_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_TICKETS_PER_DAY", value)
    with pytest.raises(SettingError, match="AUDIT_ASSETS_TICKETS_PER_DAY is"):
        policy.policy()


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(SettingError, match="set it to plain, balanced or quiet"):
        policy.policy("loud")


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        ('[[channels]]\nname = "slack://canary"', "channels.1: a channel's name is lower-case letters"),
        ('[[channels]]\nname = "a"\nseverities = []', "channels.1: severities is empty"),
        ('[[channels]]\nname = "a"\naddress = "slack://canary"', "channels.1.address: Unexpected keyword argument."),
        ('[[channels]]\nname = "a"\n[[channels]]\nname = "a"', "channels has a twice: give each channel a name"),
    ],
)
def test_a_channel_that_can_not_be_is_refused_without_repeating_an_address(
    own_file: Path, table: str, shown: str
) -> None:
    own_file.write_text(table)
    with pytest.raises(SettingError) as refused:
        policy.tables()
    assert shown in str(refused.value)
    assert "canary" not in str(refused.value)
