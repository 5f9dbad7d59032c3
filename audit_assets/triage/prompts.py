"""The prompt: prompt.md beside this file, or the file that a team has put in its place."""

from importlib.resources import files
from pathlib import Path

from audit_assets.config.errors import SettingError

LONGEST_PROMPT = 20_000
"""Characters. What is longer is no prompt, but costs as one."""


def prompt_of(path: str) -> str:
    """The prompt in a team's file, or the packaged one if `path` is empty. Raises `SettingError`."""
    try:
        prompt = Path(path).read_text("utf-8") if path else (files("audit_assets.triage") / "prompt.md").read_text()
    except (OSError, ValueError):
        raise SettingError(f"AUDIT_ASSETS_TRIAGE_PROMPT names {path!r}: no text can be read there.") from None
    if not 0 < len(prompt.strip()) <= LONGEST_PROMPT:
        limits = f"a prompt has 1 to {LONGEST_PROMPT:,} characters"
        raise SettingError(f"AUDIT_ASSETS_TRIAGE_PROMPT names {path!r}: {limits}.")
    return prompt
