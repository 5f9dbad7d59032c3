"""The prompt of the triage model: prompt.md beside this file, or a team's own file."""

from importlib.resources import files
from pathlib import Path

from audit_assets.config.errors import SettingError

LONGEST_PROMPT = 20_000
"""Characters, about 5,000 tokens for every note. A judgement."""


def load_prompt(path: str) -> str:
    """The prompt in a team's file, or the packaged one if `path` is empty. Raises `SettingError`."""
    try:
        prompt = Path(path).read_text("utf-8") if path else (files("audit_assets.triage") / "prompt.md").read_text()
    except (OSError, ValueError):
        raise SettingError(
            f"AUDIT_ASSETS_TRIAGE_PROMPT names {path!r}, which can't be read as UTF-8: correct or unset it."
        ) from None
    if not 0 < len(prompt.strip()) <= LONGEST_PROMPT:
        raise SettingError(
            f"AUDIT_ASSETS_TRIAGE_PROMPT names {path!r}: make that prompt 1 to {LONGEST_PROMPT:,} characters long."
        )
    return prompt
