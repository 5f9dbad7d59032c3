"""A secret from a file: `S_FILE` names the file that holds the secret S, as Docker, Kubernetes and systemd give them.

The file is read when the secret is needed, and what was read is kept nowhere. A `.env` may hold a secret itself, but
not choose which files are read: who writes it in a folder could otherwise have any file sent somewhere.
"""

import os
import stat

from audit_assets.config.env_file import env_file
from audit_assets.config.errors import SettingError
from audit_assets.config.home_paths import whole_path

FILE = "_FILE"
"""Behind the name of a secret."""

LARGEST = 64 * 1024
"""Bytes. No secret is longer."""

EVERYBODY_READS = 0o004


def file_variable(secret: str) -> str:
    """The variable that names the secret's file."""
    return f"{secret}{FILE}"


def names_file(secret: str) -> bool:
    """Whether a file is named that holds this secret. It is not read."""
    return bool(os.environ.get(file_variable(secret), "").strip())


def read_secret(secret: str) -> str:
    """The secret in the file that its variable names. Raises `SettingError` if it can't be used."""
    variable, given = file_variable(secret), os.environ[file_variable(secret)].strip()
    if os.environ.get(secret, "").strip():
        raise SettingError(f"{secret} and {variable} are both set: unset one of them.")
    if (env := env_file()) and env.sets(variable):
        raise SettingError(
            f"{variable} comes from {env.path}, and who writes that file must not decide which files are read: set it "
            f"in the environment, or {secret} itself in the file."
        )
    path = whole_path(variable, given)
    try:
        with path.open("rb") as file:
            mode, content = os.fstat(file.fileno()).st_mode, file.read(LARGEST + 1)
        text = content.decode("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text in UTF-8"
        raise SettingError(
            f"{variable} names {path}, which can't be read: {reason}. Correct it, or name another file."
        ) from None
    if os.name != "nt" and stat.S_ISREG(mode) and mode & EVERYBODY_READS:
        raise SettingError(
            f"{variable} names {path}, which every user of this machine may read: take that away, as chmod o= does."
        )
    if not text or len(content) > LARGEST:
        wrong = "is larger than any secret" if text else "is empty"
        raise SettingError(f"{variable} names {path}, which {wrong}: write the secret into it, and nothing else.")
    return text
