"""A PostgreSQL cluster of our own for the time of a bench, where the machine has the programs for one."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port


def programs() -> Path | None:
    """Return the folder with initdb and postgres, the newest if there are several; None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    plain = shutil.which("initdb")
    return Path(plain).resolve().parent if plain else None


@contextmanager
def cluster() -> Iterator[str]:
    """Start a cluster on the loopback address, yield its DATABASE_URL, and take it away again."""
    folder = programs()
    assert folder is not None
    place = Path(tempfile.mkdtemp(prefix="rodeo-pg-"))
    # PostgreSQL refuses to run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(place, "postgres")
    port = free_port()
    name = "postgres" if user else getpass.getuser()
    data = place / "data"
    subprocess.run(
        [*user, str(folder / "initdb"), "-D", str(data), "-U", name, "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=place,
    )
    server = subprocess.Popen(
        [
            *user,
            str(folder / "postgres"),
            "-D",
            str(data),
            "-p",
            str(port),
            "-k",
            str(place),
            "-h",
            "127.0.0.1",
            "-c",
            "shared_buffers=512MB",
            "-c",
            "max_wal_size=4GB",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place,
    )
    try:
        ready = [str(folder / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "20", "-q"]
        for _ in range(100):
            if subprocess.run(ready, check=False).returncode == 0:
                break
        yield f"postgres://{name}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*user, str(folder / "pg_ctl"), "-D", str(data), "-m", "fast", "-w", "stop"],
            check=False,
            capture_output=True,
            cwd=place,
        )
        server.wait(30)
        shutil.rmtree(place, ignore_errors=True)
