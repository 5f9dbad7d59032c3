"""Metrics are text that the official parsers read, whatever a label's value is."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from audit_assets.reports.open_metrics import gauge, labelled, render_metrics

ODD = 'a "place"\\of\nmine {x="1"} # EOF'


@pytest.mark.parametrize("parse", [parse_openmetrics, parse_text])
def test_every_value_and_help_comes_out_as_it_went_in(parse: object) -> None:
    text = render_metrics([gauge("hours", "All \\ of\nthem.", 3), labelled("free_bytes", "Room.", "place", {ODD: 1.5})])
    hours, free = parse(text)  # type: ignore[operator]
    assert (hours.name, hours.type, hours.samples[0].value) == ("audit_assets_hours", "gauge", 3)
    assert hours.documentation == "All \\ of\nthem."
    assert [(sample.labels, sample.value) for sample in free.samples] == [({"place": ODD}, 1.5)]


def test_what_is_not_known_is_left_out() -> None:
    assert render_metrics([gauge("age_seconds", "How old.", None), labelled("x", "None.", "y", {})]) == "# EOF\n"
