"""The extra `sandbox`, which some commands need and most installations do not have."""

from collections.abc import Iterator
from contextlib import contextmanager

from audit_assets.config.errors import SettingError


@contextmanager
def sandbox_imports() -> Iterator[None]:
    """Imports that need the extra. Raises `SettingError` with the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingError(
            f"The sandbox needs the package {error.name}: pip install 'audit-assets[sandbox]'."
        ) from None
