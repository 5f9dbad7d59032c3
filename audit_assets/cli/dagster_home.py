"""Dagster's home folder, with this project's instance configuration in it."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from audit_assets.config.home_paths import whole_path
from audit_assets.storage.file_modes import PRIVATE_FOLDER

DEV_HOME = Path(".audit_assets") / "dev"
"""The folder that `dev` and `start` use, and whoever only reads, unless another one is named."""

INSTANCE = "dagster"
"""The folder in it for DAGSTER_HOME."""


def dagster_home(environment: Mapping[str, str], home: Path) -> Path:
    """The folder that DAGSTER_HOME names, or ours. Dagster takes no relative one, and runs in another folder."""
    return given_home(environment) or instance_home(home)


def given_home(environment: Mapping[str, str]) -> Path | None:
    """The folder that DAGSTER_HOME names, if it does."""
    given = environment.get("DAGSTER_HOME", "").strip()
    return whole_path("DAGSTER_HOME", given) if given else None


def instance_home(home: Path) -> Path:
    """The folder for DAGSTER_HOME under `home`, created if necessary. An existing configuration is kept."""
    folder = (home / INSTANCE).absolute()
    folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    configuration = folder / "dagster.yaml"
    if not configuration.exists():
        configuration.write_text((files("audit_assets.config") / "dagster.yaml").read_text())
    return folder
