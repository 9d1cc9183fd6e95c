"""``python -m benchmarks [--json] [--large] [NAME...]``: measures, prints a table or JSON; exit 1 when a limit is missed."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable

from benchmarks.applications import argocd_at_scale
from benchmarks.day import busy_day
from benchmarks.figure import Figure, show
from benchmarks.kustomizations import flux_at_scale
from benchmarks.kwok import many_nodes, one_node
from benchmarks.large import largest
from benchmarks.mutations.run import mutations
from benchmarks.network import questions_and_cuts
from benchmarks.pictures import lanes, notebook_import, report
from benchmarks.probing import hundred_writes, zoo
from benchmarks.scale import many_pods
from benchmarks.scheduling import scheduler_perf
from benchmarks.small import bare_simulation, heavy_imports, help_text, idle_day
from benchmarks.stories import each_delivery
from benchmarks.traffic import an_hour_of_requests
from benchmarks.tui import interface, jumps, large, large_world
from benchmarks.worlds import small_worlds, thousand_seeds

BENCHMARKS: dict[str, Callable[[], Figure | list[Figure]]] = {
    "bare": bare_simulation,
    "worlds": small_worlds,
    "seeds": thousand_seeds,
    "stories": each_delivery,
    "applications": argocd_at_scale,
    "kustomizations": flux_at_scale,
    "lanes": lanes,
    "report": report,
    "notebook": notebook_import,
    "help": help_text,
    "imports": heavy_imports,
    "idle": idle_day,
    "day": busy_day,
    "pods": many_pods,
    "nodes": many_nodes,
    "one-node": one_node,
    "scheduling": scheduler_perf,
    "traffic": an_hour_of_requests,
    "probe": hundred_writes,
    "mutations": mutations,
    "zoo": zoo,
    "tui": interface,
    "tui-jumps": jumps,
    "tui-world": large_world,
}
LARGE: dict[str, Callable[[], Figure | list[Figure]]] = {
    "largest": largest,
    "network": questions_and_cuts,
    "tui-large": large,
}


def main() -> int:
    """Run the benchmarks that were named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all when none"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument(
        "--large", action="store_true", help=f"also those that take minutes and gigabytes: {', '.join(LARGE)}"
    )
    asked = parser.parse_args()
    every = {**BENCHMARKS, **LARGE}
    unknown = [name for name in asked.names if name not in every]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(every)}")
    figures: list[Figure] = []
    for name in asked.names or (every if asked.large else BENCHMARKS):
        measured = every[name]()
        figures.extend(measured if isinstance(measured, list) else [measured])
    if asked.json:
        python = f"{platform.python_implementation()} {platform.python_version()}"
        print(json.dumps({"python": python, "figures": [f.to_json() for f in figures]}, indent=2))
    else:
        print(show(figures))
    return 0 if all(f.holds for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
