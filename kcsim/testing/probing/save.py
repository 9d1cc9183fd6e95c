"""A counterexample as files: a scenario that plays it, with what should have become of it, and a pytest case.

**Walk:** ``save`` -> the story with the plan in its timeline and an expectation for each difference of the end state that
an expression can say -> ``<name>.yaml`` and ``test_<name>.py``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kcsim.engine.clock import MINUTE, to_seconds
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.model import Expectation, Scenario
from kcsim.testing.probing.compare import Difference
from kcsim.testing.probing.masks import is_generated
from kcsim.testing.probing.report import Violation
from kcsim.testing.probing.runs import Target, perturbed

COUNTEREXAMPLES = Path(".kcsim") / "counterexamples"
NAME_MAX = 63


def counterexample(target: Target, violation: Violation) -> Scenario:
    """The story, perturbed, with an expectation for each object that is missing or left over at its end."""
    story = perturbed(target.scenario, target.controller, violation.plan)
    told = "; ".join(str(each) for each in violation.differences)
    until = target.scenario.until + target.quiet
    return replace(
        story,
        name=_name(target, violation),
        title=f"{target.controller} goes wrong",
        summary=f"{violation.plan or 'Without any perturbation'}: {told}.",
        seed=story.seed if target.seed is None else target.seed,
        until=until,
        expectations=(*story.expectations, *_expectations(violation.differences, until)),
    )


def save(target: Target, violation: Violation, folder: Path = COUNTEREXAMPLES) -> tuple[Path, Path]:
    """Write the counterexample; gives the scenario file and the pytest file, whose test fails until it is mended.

    Raises:
        OSError: a file cannot be written.
    """
    scenario = _beside(counterexample(target, violation), folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{scenario.name}.yaml"
    story = folder / f"{target.scenario.name}.yaml"
    _write(file, to_yaml(scenario))
    _write(story, to_yaml(_beside(target.scenario, folder)))
    test = folder / f"test_{scenario.name.replace('-', '_')}.py"
    _write(test, _test(target, violation, story.name))
    return file, test


def _beside(scenario: Scenario, folder: Path) -> Scenario:
    """The story with the files of its controllers named as seen from ``folder``, so that it plays from anywhere.

    A folder that is not below the working directory is kept apart from it: there the names stay as they are.
    """
    if not folder.resolve().is_relative_to(Path.cwd()):
        return scenario
    controllers = []
    for each in scenario.controllers:
        place, _, name = each.use.rpartition(":")
        candidates = [Path(scenario.directory or ".") / place, Path(place)]
        file = next((path.resolve() for path in candidates if path.is_file()), None)
        if place.endswith(".py") and file is not None:
            seen = Path(os.path.relpath(file, folder.resolve())).as_posix()
            each = replace(each, use=f"{seen}:{name}")
        controllers.append(each)
    return replace(scenario, controllers=tuple(controllers))


def _test(target: Target, violation: Violation, story: str) -> str:
    name = _name(target, violation).replace("-", "_")
    options = [f'"{target.controller}"', f'"{violation.plan}"' if violation.plan is not None else "None"]
    if target.delivery:
        options.append(f'delivery="{target.delivery}"')
    if target.seed is not None:
        options.append(f"seed={target.seed}")
    told = "\n".join(f"    {each}" for each in violation.differences)
    told = told.replace("\\", "\\\\").replace(
        '"""', "'''"
    )  # an exception, or a line of the controller, may hold any
    return (
        f'"""Found by kcsim probe; the scenario beside this file plays it: kcsim run {_name(target, violation)}.yaml."""\n\n'
        "from pathlib import Path\n\n"
        "from kcsim.testing.probing.probe import demand\n\n\n"
        f"def test_{name}() -> None:\n"
        f'    """Went wrong like this:\n\n{told}\n    """\n'
        f'    demand(Path(__file__).with_name("{story}"), {", ".join(options)})\n'
    )


def _name(target: Target, violation: Violation) -> str:
    plan = str(violation.plan) if violation.plan is not None else "unperturbed"
    slug = re.sub(r"[^a-z0-9]+", "-", f"{target.scenario.name}-{plan}".lower())
    return slug[:NAME_MAX].strip("-")


def _expectations(differences: tuple[Difference, ...], until: int) -> Iterator[Expectation]:
    for number, each in enumerate(differences, 1):
        if each.oracle != "end state" or each.what == "different" or is_generated(each.subject):
            continue
        kind, _, rest = each.subject.partition("/")
        namespace, _, name = rest.rpartition("/")
        there = f'exists("{kind}/{name}", "{namespace}")' if namespace else f'exists("{kind}/{name}")'
        last = to_seconds(until - MINUTE)
        yield Expectation(
            name=f"end-{number}",
            note=str(each),
            always=f"now() < {last:g} or {there if each.what == 'missing' else f'not {there}'}",
        )


def _write(file: Path, text: str) -> None:
    draft = file.with_suffix(f".{os.getpid()}.part")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(file)
