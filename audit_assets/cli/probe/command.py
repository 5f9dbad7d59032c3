"""What `audit-assets doctor --probe` prints and writes."""

import os
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from audit_assets.cli.console import output, print_json, progress
from audit_assets.cli.probe.report import as_shared, in_markdown, in_terminal, redaction_of
from audit_assets.cli.probe.run import Probe
from audit_assets.config.errors import StoreError
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.untrusted_text import visible

REPORT = Path("audit-assets-probe.md")
"""In the current folder. Each probe replaces the one before."""


def probe_services(*, as_json: bool, clock: Clock | None = None) -> bool:
    """Probe, print and write the report: whether nothing was contradicted that correctness rests on. Without a single
    answer the report of an earlier probe stays, and nothing is proved."""
    probe = Probe(clock or SystemClock(), lambda line: progress.print(Text(f"{line} …")))
    try:
        probe.run()
    finally:
        for name in probe.left_behind:
            progress.print(Text(visible(f"The test ticket {name} could not be archived: archive it by hand.")))
    report = as_shared(probe.results, datetime.now(UTC), redaction_of(dict(os.environ)))
    if as_json:
        print_json(report)
    else:
        output.print(in_terminal(probe.results))
    if all(each.answer == "unknown" for each in probe.results):
        progress.print("No service answered anything, so no report was written: `audit-assets doctor` shows why.")
        return False
    try:
        REPORT.write_text(in_markdown(report), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{REPORT} can't be written: {error.strerror or error}. Run this in another folder.") from None
    stopping = [each for each in probe.results if each.stops and each.answer == "contradicted"]
    counts = ", ".join(f"{count} {answer}" for answer, count in report["counts"].items())
    progress.print(Text(f"{counts}. {REPORT.absolute()} names nobody, and can be shared."))
    if stopping:
        names = ", ".join(each.id for each in stopping)
        progress.print(Text(f"Runs stop until a later probe finds this confirmed: {names}."), style="red")
    return not stopping
