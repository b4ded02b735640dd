"""Keeps git to the IP addresses that were checked (no DNS rebinding), and to trusted certificates. No Django in here."""

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
from releases.providers.git.errors import GitFailed

PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
# The first git with http.curloptResolve. An older one ignores the option silently.
PINS_SINCE = (2, 37)
# Where operating systems keep the certificate authorities they trust, in one file.
SYSTEM_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
HostCheck = Callable[[str, str, int], list[str]]


def endpoint(address: Address) -> tuple[str, str, int] | None:
    """Return the scheme, host and port that git would connect to; None for a folder of this machine."""
    if address.local:
        return None
    if "://" not in address.url:
        match = SCP.fullmatch(address.url)
        return ("ssh", match["host"].strip("[]"), 22) if match else None
    parts = urlsplit(address.url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)


def pinning_options(address: Address, check: HostCheck) -> list[str]:
    """Check the host that git would connect to, and return the options that pin it to the IP addresses checked.

    `check` raises for a host that is not allowed. For ssh:// and git:// git has no such option: the host is checked only.
    """
    target = endpoint(address)
    if target is None:
        return []
    scheme, host, port = target
    addresses = check(scheme, host, port)
    if scheme not in ("http", "https") or _is_literal(host):
        return []
    if not can_pin():
        raise GitFailed("The worker’s git is too old. Install git 2.37 or newer.")
    listed = ",".join(f"[{each}]" if ":" in each else each for each in addresses)
    return ["-c", f"http.curloptResolve={host}:{port}:{listed}"]


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def ca_bundle_file(bundle: str, folder: Path) -> Path:
    """Write the machine's certificate authorities and those of `bundle` into one file and return its path.

    Git takes a single file. Raises GitFailed when the bundle cannot be read.
    """
    candidates = [os.environ.get("GIT_SSL_CAINFO", ""), ssl.get_default_verify_paths().cafile or "", *SYSTEM_CA_BUNDLES]
    system = next((Path(each) for each in candidates if each and Path(each).is_file()), None)
    try:
        text = Path(bundle).read_text()
        combined = f"{system.read_text()}\n{text}" if system else text
    except (OSError, UnicodeDecodeError):
        raise GitFailed(f"The certificates in {bundle} can’t be read. Set RODEO_CA_BUNDLE to a PEM file.") from None
    path = folder / "authorities.pem"
    if not path.exists() or path.read_text() != combined:
        fresh = folder / f"authorities.{os.getpid()}"
        fresh.write_text(combined)
        fresh.replace(path)
    return path


@lru_cache(maxsize=1)
def can_pin() -> bool:
    """Say whether the git of this machine can be pinned to IP addresses."""
    program = shutil.which("git")
    if program is None:
        return False
    output = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30, check=False).stdout
    number = re.search(r"(\d+)\.(\d+)", output)
    return number is not None and (int(number[1]), int(number[2])) >= PINS_SINCE
