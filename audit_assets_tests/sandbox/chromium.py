"""A real browser for tests of pages: Chromium, if it is installed."""

import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def in_chromium(chromium: str, url: str, profile: Path) -> tuple[str, str]:
    """The page's DOM after loading, and what the browser wrote to its log and console."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-popup-blocking",
        "--enable-logging=stderr",
    ]
    command = [chromium, *flags, f"--user-data-dir={profile}", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own command
    return done.stdout, done.stderr
