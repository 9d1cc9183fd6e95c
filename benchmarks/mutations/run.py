"""Plant a defect, play the stories, see who notices.

    python -m benchmarks mutations             all defects, as a figure: how many get away
    python -m benchmarks.mutations.run         the list: defect, caught or not, by what
    python -m benchmarks.mutations.run NUMBER  one of them, in this process; exit 1 when it is caught

Each defect runs in a process of its own: the module is compiled from its changed text before anybody imports it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from benchmarks.figure import Figure
from benchmarks.mutations.mutants import MUTANTS, Mutant

HEALTHY = -1
"""In place of a number: no defect at all, which no story may notice."""


class Planted(MetaPathFinder, Loader):
    """Finds one module, and compiles it with its defect."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the module that is to be changed; nothing for any other."""
        del path, target
        if fullname != self._mutant.module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(source_of(fullname)))

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed text as the module."""
        file = source_of(self._mutant.module)
        text = changed(self._mutant)
        module.__file__ = str(file)
        exec(compile(text, str(file), "exec"), module.__dict__)


def source_of(module: str) -> Path:
    """The file of a module, found without importing it."""
    return Path(__file__).resolve().parents[2].joinpath(*module.split(".")).with_suffix(".py")


def changed(mutant: Mutant) -> str:
    """The text of the module with the defect.

    Raises:
        ValueError: the text to be changed does not stand there once.
    """
    text = source_of(mutant.module).read_text("utf-8")
    if text.count(mutant.before) != 1:
        raise ValueError(
            f"{mutant.name}: {mutant.module} has {mutant.before!r} {text.count(mutant.before)} times"
        )
    return text.replace(mutant.before, mutant.after)


def alone(number: int) -> int:
    """Play the stories with one defect; 1 when one of them notices, and says which on stdout."""
    if number != HEALTHY:
        sys.meta_path.insert(0, Planted(MUTANTS[number]))
    from benchmarks.mutations.stories import STORIES

    for story in STORIES:
        try:
            story()
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody noticed
            first = str(error).strip().partition("\n")[0]
            print(f"{story.__name__}: {type(error).__name__} {first}"[:150])
            return 1
    return 0


def tried(number: int) -> tuple[bool, str]:
    """Whether a defect was caught, and by what."""
    command = [sys.executable, "-m", "benchmarks.mutations.run", str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1} or (done.returncode == 1 and not done.stdout):
        raise RuntimeError(done.stderr)
    return done.returncode == 1, done.stdout.strip()


def all_of_them() -> list[tuple[Mutant, bool, str]]:
    """Every defect with its outcome, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(tried, range(len(MUTANTS))))
    return [(mutant, *outcome) for mutant, outcome in zip(MUTANTS, outcomes, strict=True)]


def mutations() -> Figure:
    """How many of the defects get away, in per cent."""
    outcomes = all_of_them()
    escaped = [mutant.name for mutant, caught, _ in outcomes if not caught]
    share = 100 * len(escaped) / len(outcomes)
    detail = {
        "defects": len(outcomes),
        "caught": len(outcomes) - len(escaped),
        "escaped": "; ".join(escaped) or "none",
    }
    return Figure("defects of controllers that get away", share, "%", 0, detail=detail)


def main() -> int:
    """One defect, or the table of all."""
    if len(sys.argv) > 1:
        return alone(int(sys.argv[1]))
    healthy, noticed = tried(HEALTHY)
    if healthy:
        raise SystemExit(f"the stories accuse controllers without a defect: {noticed}")
    outcomes = all_of_them()
    for mutant, caught, by in outcomes:
        print(f"{'caught ' if caught else 'ESCAPED'}  {mutant.name:<50} {by}")
    caught = sum(each[1] for each in outcomes)
    print(f"{caught} of {len(outcomes)} caught")
    return 0 if caught == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
