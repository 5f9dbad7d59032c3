"""The pictures of the README, made from today's demo: `python -m audit_assets_tests.benchmarks.pictures`.

`.github/summary.svg` is the terminal after `audit-assets demo`, `.github/ticket.png` the most severe ticket in the
sandbox, as Chromium shows it. It takes as long as the demo.
"""

import io
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from audit_assets.cli.demo_run import run_demo
from audit_assets.config.settings import ticket_max_age
from audit_assets.detection.severity import SEVERITIES
from audit_assets.guard.start_token import address_with_token
from audit_assets.reports.summary_terminal import print_demo
from audit_assets.sandbox.linear.issue_rules import TICKETS_PATH
from audit_assets.sandbox.sandbox_history import open_sandbox
from audit_assets.sandbox.server import free_port, serve_sandbox

PICTURES = Path(__file__).parents[2] / ".github"
WIDTH, TICKET_SIZE = 96, "1100,900"


def main() -> None:
    """Run the demo, then draw its summary and a ticket."""
    with TemporaryDirectory() as folder:
        home = Path(folder) / "demo"
        summary = run_demo(history_days=30, judge_hours=6, seed=1, home=home)
        _draw_terminal(summary, PICTURES / "summary.svg")
        sandbox, _ = open_sandbox(home / "sandbox")
        with serve_sandbox(sandbox, free_port()):
            ticket = f"{sandbox.url}{TICKETS_PATH}/{_most_severe(summary)}"
            _draw_page(address_with_token(ticket, sandbox.token), PICTURES / "ticket.png")


def _most_severe(summary: dict[str, Any]) -> str:
    def rank(actor: dict[str, Any]) -> tuple[int, float]:
        return SEVERITIES.index(actor["severity"]), -(actor["tickets_a_day"] or 0.0)

    return max(summary["flagged"], key=rank)["ticket"]["identifier"]


def _draw_terminal(summary: dict[str, Any], path: Path) -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    print_demo(console, summary, ticket_max_age())
    svg = console.export_svg(title="audit-assets demo")
    without_remote_fonts = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    path.write_text(without_remote_fonts.replace("Fira Code,", "ui-monospace, Menlo, Consolas,"), encoding="utf-8")


def _draw_page(url: str, path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("No Chromium on PATH: install it to draw the ticket.")
    flags = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={TICKET_SIZE}", f"--screenshot={path}"]
    subprocess.run([chromium, *flags, url], check=True, capture_output=True)  # noqa: S603 - no part of it is untrusted


if __name__ == "__main__":
    main()
