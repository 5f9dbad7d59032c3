"""The evidence of a ticket: the table of its deviations."""

from datetime import UTC, datetime

from audit_assets.tickets.evidence_lines import deviation_table
from audit_assets_tests.tickets.sample_findings import TWELVE, burst, new_type, together

LAST_TOUCHED = datetime(2026, 9, 30, 8, tzinfo=UTC)


def test_the_table_has_a_row_for_each_kind() -> None:
    deviations = (
        burst(changes=1_204, baseline_mean=80.3, ratio=15.0, horizon_hours=24),
        new_type(colleagues=2, organisation_actors=41),
        new_type(first_ever=False, last_touched=LAST_TOUCHED, colleagues=0, organisation_actors=41),
        together(*TWELVE),
    )
    assert deviation_table(deviations, learning=False) == (
        "| What | Changes | Usual | Judged against |\n"
        "| --- | --- | --- | --- |\n"
        "| 24 hours | 1,204 | 80 (15 times) | its own past |\n"
        "| `api_tokens` | 4 | none on record; 2 others | 41 actors here |\n"
        "| `api_tokens` | 4 | none, last touched 2026-09-30 | 41 actors here |\n"
        "| `dns_record`, 12 actors | 1,440 | far less, or none | each actor itself |"
    )
    assert "| this hour | 214 | 3.1 (69 times) | mostly the organisation |" in (
        deviation_table((burst(active_hours=3),), learning=True)
    )
