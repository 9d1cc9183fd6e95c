"""``python -m benchmarks [--json] [NAME...]``: measures, prints a table or JSON; exit 1 when a limit is missed."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable

from benchmarks.figure import Figure, show
from benchmarks.scale import many_pods
from benchmarks.small import bare_simulation, heavy_imports, help_text, idle_day
from benchmarks.stories import each_delivery

BENCHMARKS: dict[str, Callable[[], Figure | list[Figure]]] = {
    "bare": bare_simulation,
    "stories": each_delivery,
    "help": help_text,
    "imports": heavy_imports,
    "idle": idle_day,
    "pods": many_pods,
}


def main() -> int:
    """Run the benchmarks that were named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all when none"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    for name in asked.names or BENCHMARKS:
        measured = BENCHMARKS[name]()
        figures.extend(measured if isinstance(measured, list) else [measured])
    if asked.json:
        python = f"{platform.python_implementation()} {platform.python_version()}"
        print(json.dumps({"python": python, "figures": [f.to_json() for f in figures]}, indent=2))
    else:
        print(show(figures))
    return 0 if all(f.holds for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
