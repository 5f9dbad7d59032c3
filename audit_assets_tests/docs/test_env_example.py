"""`.env.example` names exactly the settings, with their defaults, and works once the required ones are filled in."""

import re

from dotenv import dotenv_values

from audit_assets.config.settings_table import SETTINGS
from audit_assets_tests.docs.test_readme import ROOT

EXAMPLE = ROOT / ".env.example"


def test_it_names_every_setting_with_its_default_and_no_other() -> None:
    lines = re.findall(r"^(# )?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    named = [(name, bool(is_default), value) for is_default, name, value in lines]
    settings = [(known.name, known.default is not None, known.default or "") for known in SETTINGS.values()]
    assert sorted(named) == sorted(settings)


def test_it_says_what_each_is() -> None:
    text = EXAMPLE.read_text()
    for known in SETTINGS.values():
        assert re.search(rf"^# {re.escape(known.meaning)}\n(# )?{known.name}=", text, re.MULTILINE), known.name


def test_only_the_required_ones_are_set_by_it() -> None:
    required = {name for name, known in SETTINGS.items() if known.default is None}
    assert dotenv_values(EXAMPLE) == dict.fromkeys(required, "")
