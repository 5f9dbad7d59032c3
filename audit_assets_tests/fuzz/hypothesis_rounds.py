"""One parser, fuzzed by Hypothesis round after round. Prints the smallest input that falls.

python -m audit_assets_tests.fuzz.hypothesis_rounds PARSER SECONDS
"""

import sys
import time
import traceback
from typing import Any

from hypothesis import given, settings

from audit_assets_tests.fuzz.inputs import ANY_TIME
from audit_assets_tests.fuzz.parsers import PARSERS

EXAMPLES = 200
"""Of a round; the next begins anew, from another seed."""


def main(name: str, seconds: float) -> int:
    """Fuzz; 1 if the parser raised what it does not document."""
    ends = time.monotonic() + seconds
    fallen: list[tuple[Any, str]] = []

    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=ANY_TIME, print_blob=False)
    @given(PARSERS[name].given)
    def feed(value: Any) -> None:
        if time.monotonic() > ends and not fallen:
            return
        try:
            PARSERS[name].feed(value)
        except Exception:
            fallen.append((value, traceback.format_exc()))
            raise

    while time.monotonic() < ends:
        try:
            feed()
        except BaseException:
            if not fallen:
                raise
            value, why = fallen[-1]
            print(f"{value!r}\n{why}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
