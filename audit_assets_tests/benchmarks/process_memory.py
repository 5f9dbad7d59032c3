"""How much memory this process has, and the most that it had, as the kernel counts it (Linux)."""

import re
import resource
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
FORGET_PEAK = "5"
"""What the kernel takes for it (proc(5))."""


def peak_memory() -> float:
    """The most memory that this process had, in MB, since `forget_peak` if that was called. `ru_maxrss` would be that
    of the process which started it, if that had more: it survives the start of another program."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return _megabytes("VmHWM")


def memory_now() -> float:
    """MB of this process that are in memory."""
    return _megabytes("VmRSS")


def forget_peak() -> None:
    """From now on the most memory is counted anew."""
    CLEAR.write_text(FORGET_PEAK)


def _megabytes(name: str) -> float:
    return int(re.findall(rf"{name}:\s+([0-9]+) kB", STATUS.read_text())[0]) / 1024
