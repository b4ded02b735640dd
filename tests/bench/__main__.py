"""`make bench`: every bound the portal promises, as ratios within one run, on SQLite and on PostgreSQL.

The bounds hold on PostgreSQL; SQLite is shown beside it. Exits with 1 when one is broken. Names of parts (intake, judge,
board, latency, git, github, live, session, search, squad_board, retrospectives, import, forecast) as arguments measure
only those.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.postgres import cluster, programs

ROOT = Path(__file__).resolve().parent.parent.parent


def measured(database: str, parts: list[str]) -> list[dict[str, Any]]:
    """Measure on one database, in a process and a state folder of its own."""
    with tempfile.TemporaryDirectory(prefix="rodeo-bench-") as state:
        environment = {**os.environ, "RODEO_STATE_DIR": state, "RODEO_LOG_LEVEL": "ERROR"}
        environment.pop("DATABASE_URL", None)
        if database:
            environment["DATABASE_URL"] = database
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.one", *parts],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        rows = []
        assert child.stdout is not None
        for line in child.stdout:
            rows.append(json.loads(line))
            print(f"  {rows[-1]['name']}: {rows[-1]['value']:.4g} {rows[-1]['unit']}", file=sys.stderr)
        if child.wait() != 0:
            raise SystemExit("the bench itself failed; see above")
        return rows


def table(name: str, rows: list[dict[str, Any]], binding: bool) -> None:
    """Print one database's table."""
    print(f"\n{name}\n{'':48} {'measured':>10}  {'':8} {'bound':>10}")
    for row in rows:
        bound = "" if row["bound"] is None else f"{'≥' if row['least'] else '≤'} {row['bound']:g}"
        mark = "" if row["bound"] is None else ("ok" if row["ok"] else "BROKEN" if binding else "over")
        print(f"{row['name']:48} {row['value']:10.3g}  {row['unit']:8} {bound:>10}  {mark}")


def main() -> int:
    """Measure on both databases and print both tables."""
    parts = sys.argv[1:]
    results = {}
    print("SQLite …", file=sys.stderr)
    results["SQLite"] = measured("", parts)
    with ExitStack() as stack:
        database = os.environ.get("DATABASE_URL") or (stack.enter_context(cluster()) if programs() else "")
        if database:
            print("PostgreSQL …", file=sys.stderr)
            results["PostgreSQL"] = measured(database, parts)
    for name, rows in results.items():
        table(name, rows, binding=name == "PostgreSQL")
    if "PostgreSQL" not in results:
        print("\nNo PostgreSQL: set DATABASE_URL or install it. The bounds are promised there.")
        return 0
    return 0 if all(row["ok"] for row in results["PostgreSQL"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
