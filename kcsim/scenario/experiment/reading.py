"""Reading an experiment: a JSON or YAML file of the Chaos Toolkit -> activities that kcsim can play, or every fault at once.

**Imitates:** the Open Chaos experiment format as chaoslib/experiment.py and activity.py (1.40) check it: title and method
are needed, probes of the hypothesis need a tolerance, ``ref`` names another activity, ``${name}`` is replaced by the
configuration. What kcsim cannot play is refused where it is written: controls, extensions, foreign modules and programs.

**Walk:** text -> a tree with positions -> ``${...}`` -> each activity's provider -> ``Experiment``.
"""

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from string import Template
from typing import Any, Final, Literal

from kcsim.engine.clock import SECOND
from kcsim.scenario.diagnostics import Position, Report, ScenarioError, did_you_mean
from kcsim.scenario.experiment import tolerance as tolerances
from kcsim.scenario.experiment.providers import Do, Unusable, provided
from kcsim.scenario.yamltree import Mapping, Sequence, Tree, parse

FIELDS: Final = (
    "version", "title", "description", "tags", "configuration", "secrets", "contributions", "steady-state-hypothesis",
    "method", "rollbacks", "runtime", "controls", "extensions",
)  # fmt: skip
REFUSED: Final = {
    "controls": "controls are Python code that the Chaos Toolkit calls",
    "extensions": "extensions are settings of other tools",
}
STRATEGIES: Final = {
    "hypothesis": ("default", "before-method-only", "after-method-only"),
    "rollbacks": ("default", "always", "never", "deviated"),
}


@dataclass(frozen=True, slots=True)
class Activity:
    """One probe or action.

    Attributes:
        document: as it was written, for the journal.
        do: what it does to the world; gives its output.
        tolerance: what the output must be; None where nothing is asked.
        before, after: pauses (µs).
    """

    name: str
    type: Literal["probe", "action"]
    document: Map[str, Any]
    do: Do
    tolerance: Any = None
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment that can be run.

    Attributes:
        document: as it was written, for the journal.
        hypothesis: the probes of the steady state; none: there is no hypothesis.
        strategies: when the hypothesis is looked at, and when rollbacks are played.
        warnings: what was left aside, with its place.
    """

    title: str
    document: Map[str, Any]
    hypothesis: tuple[Activity, ...]
    method: tuple[Activity, ...]
    rollbacks: tuple[Activity, ...]
    strategies: Map[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_experiment(text: str, file: str, variables: Map[str, str] | None = None) -> Experiment:
    """The experiment of a file's text; ``variables`` take the place of its configuration's.

    Raises:
        ScenarioError: with every fault.
    """
    report = Report()
    # A tab is white space in JSON, and none in YAML: columns stay as they are.
    tree = parse(text.replace("\t", " "), file, report)
    if not report.errors and not isinstance(tree, Mapping):
        report.add("KC802", Position(file), "there is no experiment in this file", "Write a map of fields.")
    made = _Reader(report, tree, variables or {}).experiment() if isinstance(tree, Mapping) else None
    if report.errors or made is None:
        raise ScenarioError(report.errors)
    return made


class _Reader:
    """Turns the tree into an experiment, noting what is wrong."""

    def __init__(self, report: Report, tree: Mapping, variables: Map[str, str]) -> None:
        self._report = report
        self._tree = tree
        self._warnings: list[str] = []
        self._values = self._configuration(variables)
        self._named = self._activities_by_name()

    def experiment(self) -> Experiment:
        """The whole of it."""
        tree, report = self._tree, self._report
        for key, position in tree.keys.items():
            if key not in FIELDS:
                report.add(
                    "KC802",
                    position,
                    f"an experiment has no field '{key[:60]}'",
                    did_you_mean(key, FIELDS, "fields"),
                )
            elif key in REFUSED and tree.items[key].value():
                report.add("KC803", position, f"kcsim plays no {key}: {REFUSED[key]}", "Remove them.")
        if "secrets" in tree.items:
            self._warnings.append(
                f"{tree.keys['secrets']}: secrets are not used: nothing outside kcsim is asked"
            )
        title = self._substituted(tree.items["title"]) if "title" in tree.items else None
        if not isinstance(title, str) or not title:
            report.add("KC802", tree.position, "an experiment needs a title", "Write `title`.")
        if "method" not in tree.items:
            report.add("KC802", tree.position, "an experiment needs a method", "Write `method`, [] for none.")
        return Experiment(
            str(title),
            tree.value(),
            self._hypothesis(),
            self._list("method"),
            self._list("rollbacks"),
            self._strategies(),
            tuple(self._warnings),
        )

    # --- values -------------------------------------------------------------------------------------------------

    def _configuration(self, variables: Map[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        tree = self._tree.items.get("configuration")
        if isinstance(tree, Mapping):
            for name, below in tree.items.items():
                value = below.value()
                if isinstance(value, dict) and value.get("type") in {"env", "probe", "file"}:
                    if "default" in value:
                        value = value["default"]
                    elif name not in variables:
                        message = f"kcsim reads no {value['type']} for '{name}': a run must not depend on where it runs"
                        self._report.add("KC803", tree.keys[name], message, f"Give it: --var {name}=VALUE.")
                        value = ""
                found[name] = value
        return {**found, **variables}

    def _substituted(self, tree: Tree) -> Any:
        return self._fill(tree.value(), tree.position)

    def _fill(self, value: Any, position: Position) -> Any:
        """chaoslib substitute: ``${name}`` alone gives the value itself, inside a text its text."""
        if isinstance(value, str) and "$" in value:
            template = Template(value)
            unknown = [name for name in template.get_identifiers() if name not in self._values]
            if unknown:
                message = f"nothing says what ${{{unknown[0]}}} is"
                self._report.add(
                    "KC802", position, message, did_you_mean(unknown[0], self._values, "configuration")
                )
            if value[2:-1] in self._values and value == f"${{{value[2:-1]}}}":
                return self._values[value[2:-1]]
            return template.safe_substitute(self._values)
        if isinstance(value, dict):
            return {key: self._fill(below, position) for key, below in value.items()}
        if isinstance(value, list):
            return [self._fill(below, position) for below in value]
        return value

    # --- activities ---------------------------------------------------------------------------------------------

    def _activities_by_name(self) -> dict[str, Mapping]:
        found: dict[str, Mapping] = {}
        hypothesis = self._tree.items.get("steady-state-hypothesis")
        places = [self._tree.items.get("method"), self._tree.items.get("rollbacks")]
        if isinstance(hypothesis, Mapping):
            places.append(hypothesis.items.get("probes"))
        for place in places:
            for item in place.items if isinstance(place, Sequence) else ():
                if isinstance(item, Mapping) and "name" in item.items:
                    found.setdefault(str(item.items["name"].value()), item)
        return found

    def _hypothesis(self) -> tuple[Activity, ...]:
        tree = self._tree.items.get("steady-state-hypothesis")
        if tree is None:
            return ()
        if not isinstance(tree, Mapping) or "title" not in tree.items:
            self._report.add("KC802", tree.position, "a hypothesis needs a title", "Write `title`.")
            return ()
        probes = self._activities(tree.items.get("probes"))
        for probe, item in probes:
            if probe.tolerance is None:
                message = f"probe '{probe.name}' of the hypothesis has no tolerance"
                self._report.add("KC802", item.position, message, "Write what its result must be.")
        return tuple(probe for probe, _ in probes)

    def _list(self, field: str) -> tuple[Activity, ...]:
        return tuple(activity for activity, _ in self._activities(self._tree.items.get(field)))

    def _activities(self, tree: Tree | None) -> list[tuple[Activity, Tree]]:
        if tree is None:
            return []
        if not isinstance(tree, Sequence):
            self._report.add("KC802", tree.position, "activities are a list", "Write [ ... ].")
            return []
        read = [(self._activity(item), item) for item in tree.items]
        return [(activity, item) for activity, item in read if activity is not None]

    def _activity(self, item: Tree) -> Activity | None:
        report = self._report
        if isinstance(item, Mapping) and "ref" in item.items:
            ref = str(item.items["ref"].value())
            named = self._named.get(ref)
            if named is None:
                message = f"ref: no activity is named '{ref[:60]}'"
                report.add("KC802", item.at("ref"), message, did_you_mean(ref, self._named, "activities"))
                return None
            item = named
        if not isinstance(item, Mapping):
            report.add("KC802", item.position, "an activity is a map", "Write type, name and provider.")
            return None
        missing = [name for name in ("type", "name", "provider") if name not in item.items]
        if missing:
            report.add("KC802", item.position, f"an activity needs {' and '.join(missing)}", "Write it.")
            return None
        kind, name = item.items["type"].value(), str(item.items["name"].value())
        if kind not in {"probe", "action"}:
            report.add(
                "KC802",
                item.at("type"),
                f"an activity is a probe or an action, not {kind!r}",
                "Write one of them.",
            )
            return None
        if "controls" in item.items and item.items["controls"].value():
            report.add(
                "KC803",
                item.key_at("controls"),
                f"kcsim plays no controls: {REFUSED['controls']}",
                "Remove them.",
            )
        if item.items.get("background") is not None and item.items["background"].value():
            message = "kcsim plays activities one after the other: nothing runs in the background"
            report.add(
                "KC803",
                item.key_at("background"),
                message,
                "Remove it; faults go on by themselves for their `duration`.",
            )
        return self._played(item, kind, name)

    def _played(self, item: Mapping, kind: Literal["probe", "action"], name: str) -> Activity | None:
        report = self._report
        provider = item.items["provider"]
        if not isinstance(provider, Mapping):
            report.add("KC802", provider.position, "a provider is a map", "Write type and what it needs.")
            return None
        try:
            do = provided(self._substituted(provider))
        except Unusable as error:
            report.add("KC803", provider.at(*error.path), str(error), error.remedy)
            return None
        wanted = item.items.get("tolerance")
        tolerance = self._substituted(wanted) if wanted is not None else None
        wrong = tolerances.problem(tolerance) if wanted is not None else ""
        if wrong:
            report.add("KC802", item.at("tolerance"), wrong, "See the Chaos Toolkit's page on tolerances.")
        return Activity(
            name, kind, item.value(), do, tolerance, self._pause(item, "before"), self._pause(item, "after")
        )

    def _pause(self, item: Mapping, when: str) -> int:
        pauses = item.items.get("pauses")
        if not isinstance(pauses, Mapping) or when not in pauses.items:
            return 0
        value = self._substituted(pauses.items[when])
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            self._report.add(
                "KC802", pauses.at(when), f"a pause is a number of seconds, not {value!r}", "Write one."
            )
            return 0
        return round(value * SECOND)

    def _strategies(self) -> dict[str, str]:
        chosen = dict.fromkeys(STRATEGIES, "default")
        runtime = self._tree.items.get("runtime")
        for name, known in STRATEGIES.items():
            part = runtime.items.get(name) if isinstance(runtime, Mapping) else None
            if isinstance(part, Mapping) and "strategy" in part.items:
                chosen[name] = str(part.items["strategy"].value())
                if chosen[name] not in known:
                    message = f"kcsim plays no {name} strategy '{chosen[name][:60]}'"
                    self._report.add(
                        "KC803", part.at("strategy"), message, did_you_mean(chosen[name], known, "strategies")
                    )
        return chosen
