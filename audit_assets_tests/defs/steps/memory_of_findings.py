"""Makes the findings of a stored hour, and prints the memory of this process before and the most meanwhile, in MB.

python -m audit_assets_tests.defs.steps.memory_of_findings STORE
"""

import sys

from audit_assets.defs.steps.run_inputs import load_run_inputs
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES
from audit_assets.tickets.finding_builder import findings_of
from audit_assets.tickets.finding_evidence import members_of
from audit_assets_tests.benchmarks.process_memory import peak_memory
from audit_assets_tests.tickets.test_finding_builder import BURST, HOUR, flagged


def main() -> None:
    inputs = load_run_inputs("acc0", HourStore(sys.argv[1]))
    burst = flagged(BURST)
    before = peak_memory()
    with inputs.store.reading(ENTRIES, HOUR):
        [finding] = findings_of("acc0", burst, inputs.changes_of(HOUR, members_of(burst)["actor_key"]))
    print(before, peak_memory(), finding.entries_total)


if __name__ == "__main__":
    main()
