"""Whether a host is this machine: what is sent there is seen by nobody else, and no proxy leads there."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
