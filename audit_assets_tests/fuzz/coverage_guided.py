"""One parser, fuzzed by atheris, which looks for inputs that reach new lines of it. Prints the first that falls.

    python -m audit_assets_tests.fuzz.coverage_guided PARSER SECONDS

Needs the package atheris, for the Pythons and systems that it supports.
"""

import os
import sys
import traceback
from importlib import import_module
from typing import Any

from hypothesis import given, settings

from audit_assets_tests.fuzz.inputs import ANY_TIME

FELL = 3
"""The exit status if the parser raised what it does not document."""


def main(name: str, seconds: int) -> None:
    """Fuzz, and end the process."""
    atheris: Any = import_module("atheris")  # is not there for every Python
    with atheris.instrument_imports(include=["audit_assets"]):
        parser = import_module("audit_assets_tests.fuzz.parsers").PARSERS[name]

    @settings(database=None, deadline=None, suppress_health_check=ANY_TIME)
    @given(parser.given)
    def feed(value: Any) -> None:
        try:
            parser.feed(value)
        except Exception:
            print(f"{value!r}\n{traceback.format_exc()}", flush=True)
            os._exit(FELL)

    fuzz_one_input = feed.hypothesis.fuzz_one_input  # pyright: ignore[reportFunctionMemberAccess]
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={seconds}", "-max_len=65536", "-verbosity=0", "-rss_limit_mb=4096"],
        fuzz_one_input,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
