"""A certificate for a server of the tests' own, made by openssl."""

import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path

OPENSSL = shutil.which("openssl")


def certificate_of(host: str, folder: Path) -> Path:
    """One that is valid for a day, of a name or an address; its key is beside it, in the file whose name ends in
    `.key`."""
    made = folder / "server.pem"
    try:
        name = f"IP:{ip_address(host)}"
    except ValueError:
        name = f"DNS:{host}"
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout {made}.key -out {made}"
    subject = ["-subj", f"/CN={host}", "-addext", f"subjectAltName={name}"]
    subprocess.run([str(OPENSSL), *words.split(), *subject], check=True, capture_output=True)  # noqa: S603 - openssl's own
    return made
