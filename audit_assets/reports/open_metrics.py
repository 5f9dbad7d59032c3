"""Metrics as text: OpenMetrics, in the part of it that Prometheus' older text format shares. Pure.

Gauges alone: whoever reads the older format, as the node exporter's textfile collector does, knows no info and no unit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PREFIX = "audit_assets"


@dataclass(frozen=True)
class Gauge:
    """A metric: `name` without the prefix; `values` by the labels that they have, none for one without."""

    name: str
    help: str
    values: tuple[tuple[Mapping[str, str], float], ...]


def gauge(name: str, help_text: str, value: float | None) -> Gauge:
    """A metric without labels; without a value if that is not known."""
    return Gauge(name, help_text, () if value is None else (({}, value),))


def labelled(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Gauge:
    """A metric with a value for each value of a label."""
    return Gauge(name, help_text, tuple(({label: key}, value) for key, value in values.items()))


def of_each_account(gauges: Mapping[str, Iterable[Gauge]]) -> list[Gauge]:
    """The metrics of several accounts, by key, together: each value with the label `account`."""
    together: dict[str, Gauge] = {}
    for account, of_account in gauges.items():
        for each in of_account:
            values = tuple(({"account": account, **labels}, value) for labels, value in each.values)
            before = together.get(each.name)
            together[each.name] = Gauge(each.name, each.help, (*(before.values if before else ()), *values))
    return [*together.values()]


def render_metrics(gauges: Iterable[Gauge]) -> str:
    """The text. A metric whose value is not known is left out."""
    lines = [line for each in gauges if each.values for line in _lines(each)]
    return "".join(f"{line}\n" for line in [*lines, "# EOF"])


def _lines(metric: Gauge) -> Iterable[str]:
    name = f"{PREFIX}_{metric.name}"
    yield f"# HELP {name} {_escaped(metric.help)}"
    yield f"# TYPE {name} gauge"
    for labels, value in metric.values:
        named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{named}}} {value!r}" if named else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
