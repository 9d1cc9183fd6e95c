"""kcsim from Python: signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cached_property

from tools.docs.page import cell, page

_PYTHON_HEAD = """\
# kcsim from Python

One façade serves scripts, notebooks, tests and every other surface. Times going in are texts as Kubernetes writes them
(`"1m30s"`) or seconds; times coming out are seconds. Objects are plain Kubernetes JSON: read them, never change them.
[The tour](tour.md) shows it at work.

```python
import kcsim

sim = kcsim.load("plain-release", delivery="flux")
sim.run_until("5m")
assert sim.get("deployment/web", "shop")["status"]["readyReplicas"] == 3
```
"""


def python_page() -> str:
    """docs/python.md: the façade, with signatures and docstrings."""
    from kcsim.scenario import compare, git_verbs, lesson_run, play, sweep
    from kcsim.simulation import difference, simulation, subjects

    parts = [_PYTHON_HEAD, "## Functions\n"]
    parts.extend(
        _callable(f"kcsim.{each.__name__}", each)
        for each in (play.load, compare.compare, sweep.sweep, lesson_run.lesson)
    )
    titles = {
        simulation.Simulation: "kcsim.Simulation",
        play.Play: "Play: a simulation that plays a scenario",
        compare.Twins: "Twins: worlds side by side",
        lesson_run.LessonRun: "LessonRun: somebody's way through a lesson",
        simulation.Past: "Past: the objects of an instant",
        subjects.Subject: "Subject: an object one can speak of",
        subjects.Condition: "Condition: what can be waited for",
        difference.Change: "Change: the next thing worth seeing",
        difference.Diff: "Diff: what differs between two instants",
        git_verbs.Git: "Git: commits by hand",
        sweep.Sweep: "Sweep: many runs",
    }
    for cls, title in titles.items():
        parts.append(f"## {title}\n\n{_docstring(cls)}\n")
        own = [(name, each) for name, each in vars(cls).items() if not name.startswith("_")]
        for name, each in own:
            if isinstance(each, property | cached_property):
                getter = each.fget if isinstance(each, property) else each.func
                parts.append(
                    f"- **`.{name}`**: {cell(inspect.cleandoc(getter.__doc__ or '')).replace('``', '`')}\n"
                )
            elif inspect.isfunction(each):
                parts.append(_callable(f".{name}", each))
    return page("\n".join(parts), "the docstrings of kcsim/simulation/simulation.py and kcsim/scenario/")


def _callable(name: str, function: Callable[..., object]) -> str:
    shown = []
    star = False
    for each in list(inspect.signature(function).parameters.values()):
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and not star:
            star = True
            shown.append("*")
        shown.append(each.name if each.default is each.empty else f"{each.name}={each.default!r}")
    return f"### `{name}({', '.join(shown)})`\n\n{_docstring(function)}\n"


def _docstring(of: object) -> str:
    """A docstring as markdown: the sections Args, Raises and Attributes become lists."""
    told: list[str] = []
    for line in inspect.cleandoc(getattr(of, "__doc__", None) or "").replace("``", "`").splitlines():
        if re.fullmatch(r"(Args|Raises|Attributes|Returns):", line):
            told.append(f"*{line[:-1].replace('Args', 'Arguments')}*\n")
        elif match := re.fullmatch(r"    (\w[\w, ]*): (.*)", line):
            told.append(f"- `{match[1]}`: {match[2]}")
        elif re.match(r"    \S", line) and not (told and told[-1].startswith("- ")):
            told.append(line)
        else:
            told.append(re.sub(r"^    ( *)", "  ", line))
    return "\n".join(told)
