"""How a person can call this program where it was installed: the commands that it proposes work as they are."""

import shlex
import shutil
import sys
from pathlib import Path

NAME = "audit-assets"


def own_name() -> str:
    """`audit-assets` if the shell finds this very installation by it, else the path of its script, else Python with the
    module."""
    script = Path(sys.executable).parent / NAME
    found = shutil.which(NAME)
    if found and (not script.exists() or Path(found).resolve() == script.resolve()):
        return NAME
    if not script.exists():
        return f"{shlex.quote(sys.executable)} -m audit_assets"
    here = Path.cwd()
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))
