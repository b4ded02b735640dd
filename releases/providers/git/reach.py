"""Reaching a git server at the addresses that were checked, and no others. No Django in here."""

import ipaddress
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from releases.providers.git.config import SCP, Address
from releases.providers.git.remedies import GitFailed

PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
# The first git that connects where it is told to (http.curloptResolve). An older one ignores that without a word.
PINS_SINCE = (2, 37)
# Where machines keep the authorities they trust, in one file.
AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
Check = Callable[[str, str, int], list[str]]


def place(address: Address) -> tuple[str, str, int] | None:
    """Return scheme, host and port of where git would connect; None for a folder of this machine."""
    if address.local:
        return None
    if "://" not in address.url:
        match = SCP.fullmatch(address.url)
        return ("ssh", match["host"].strip("[]"), 22) if match else None
    parts = urlsplit(address.url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)


def pinned(address: Address, check: Check) -> list[str]:
    """Check where git would connect, and return the options that keep it to the addresses which were checked.

    `check` raises for a host that may not be asked. Over ssh:// and git:// there is nothing to keep git to them with.
    """
    found = place(address)
    if found is None:
        return []
    scheme, host, port = found
    addresses = check(scheme, host, port)
    if scheme not in ("http", "https") or _is_literal(host):
        return []
    if not can_pin():
        raise GitFailed("The git where the worker runs is too old to be kept to one server. Install git 2.37 or newer.")
    listed = ",".join(f"[{each}]" if ":" in each else each for each in addresses)
    return ["-c", f"http.curloptResolve={host}:{port}:{listed}"]


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def authorities(bundle: str, folder: Path) -> Path:
    """Write the authorities that git trusts, those of the machine and those of `bundle`, into one file and return it.

    Git takes one file only. GitFailed when the bundle cannot be read.
    """
    known = [os.environ.get("GIT_SSL_CAINFO", ""), ssl.get_default_verify_paths().cafile or "", *AUTHORITIES]
    machine = next((Path(each) for each in known if each and Path(each).is_file()), None)
    try:
        text = Path(bundle).read_text()
        together = f"{machine.read_text()}\n{text}" if machine else text
    except (OSError, UnicodeDecodeError):
        raise GitFailed(f"The certificates in {bundle} cannot be read. Give RODEO_CA_BUNDLE a file in PEM.") from None
    written = folder / "authorities.pem"
    if not written.exists() or written.read_text() != together:
        fresh = folder / f"authorities.{os.getpid()}"
        fresh.write_text(together)
        fresh.replace(written)
    return written


@lru_cache(maxsize=1)
def can_pin() -> bool:
    """Say whether the git of this machine connects where it is told to."""
    program = shutil.which("git")
    if program is None:
        return False
    said = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30, check=False).stdout
    number = re.search(r"(\d+)\.(\d+)", said)
    return number is not None and (int(number[1]), int(number[2])) >= PINS_SINCE
