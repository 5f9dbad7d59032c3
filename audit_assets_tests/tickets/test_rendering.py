"""A template lays out what is quoted already, and can insert nothing else."""

from typing import Any

import pytest
from jinja2 import UndefinedError
from jinja2.loaders import DictLoader

from audit_assets.tickets import rendering
from audit_assets.tickets.markdown import SafeMarkdown, code
from audit_assets.tickets.rendering import render
from audit_assets_tests.tickets.sample_findings import entry, finding


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a template under the name `own`."""
    environment = rendering._ENVIRONMENT.overlay()
    monkeypatch.setattr(rendering, "_ENVIRONMENT", environment)

    def make(text: str) -> None:
        environment.loader = DictLoader({"own.md.jinja": text})

    return make


@pytest.mark.parametrize(
    "text",
    [
        "{{ entry.action }}",
        "{{ finding.actor }}",
        "{{ quoted }} and {{ finding.actor }}",
        "{{ [finding.actor] | join }}",
        "{{ quoted ~ finding.actor }}",
        "{{ quoted | upper }}",
        "{{ finding }}",
        "{{ entry.zone or quoted }}",
        "{{ None }}",
        "{% for each in entries %}{{ each.ip_address }}{% endfor %}",
        "{% set actor = finding.actor %}{{ actor }}",
    ],
)
def test_a_template_that_inserts_a_plain_string_fails(template: Any, text: str) -> None:
    template(text)
    with pytest.raises(TypeError, match="SafeMarkdown and whole numbers"):
        render("own", finding=finding(), entry=entry(), entries=[entry()], quoted=code("x"))


def test_a_name_that_is_missing_fails(template: Any) -> None:
    template("{{ opening }}")
    with pytest.raises(UndefinedError, match="opening"):
        render("own")


def test_what_is_quoted_is_inserted_as_it_is(template: Any) -> None:
    template("{{ actor }} made {{ changes }} changes.\n\n\n{% if actor %}\n\n{{ rest }}\n{% endif %}\n")
    found = render("own", actor=code("<b>&`|"), changes=214, rest=SafeMarkdown("- {{ changes }}"))
    assert found == "`<b>&\u02cb¦` made 214 changes.\n\n- {{ changes }}"
    assert isinstance(found, SafeMarkdown)
