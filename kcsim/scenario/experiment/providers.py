"""Providers: what an activity of an experiment runs, as a function of the world.

``python``   functions of chaostoolkit-kubernetes, and ``kcsim.faults``: each kind of fault is a function, its target and fields
             are the arguments, ``duration`` how long; ``heal_all`` ends them
``http``     one request from the app's users: its status, and the body that the simulated app does not have
``process``  kubectl, typed by the user ``chaos``; nothing else runs here

**Imitates:** chaoslib/provider/{python,http,process}.py (1.40): what an activity gives back.
"""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from kcsim.engine.clock import SECOND, seconds
from kcsim.kubectl.command import check as refused
from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.experiment.kubernetes import FUNCTIONS, PERSON, ActivityFailed
from kcsim.simulation.faults import ALIASES, FaultError, fault, kind_named
from kcsim.simulation.reach import UnknownSpot
from kcsim.simulation.simulation import Simulation

Do = Callable[[Simulation], Any]
FAULTS = "kcsim.faults"
USERS = "users"


class Unusable(ValueError):
    """A provider that kcsim cannot play. ``path`` leads to what is wrong, ``remedy`` says what to do."""

    def __init__(self, message: str, remedy: str = "", path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.path = path


def provided(provider: Mapping[str, Any]) -> Do:
    """What a provider does.

    Raises:
        Unusable: kcsim cannot play it.
    """
    match provider.get("type"):
        case "python":
            return _python(provider)
        case "http":
            return _http(provider)
        case "process":
            return _process(provider)
        case other:
            raise Unusable(
                f"there is no provider of type {other!r}", "Write python, http or process.", ("type",)
            )


# --- python -----------------------------------------------------------------------------------------------------


def _python(provider: Mapping[str, Any]) -> Do:
    module, name = str(provider.get("module", "")), str(provider.get("func", ""))
    arguments = provider.get("arguments") or {}
    if not isinstance(arguments, dict):
        raise Unusable("the arguments are no map", "Write {name: value}.", ("arguments",))
    if module == FAULTS:
        return _fault(name, arguments)
    function = FUNCTIONS.get((module, name))
    if function is None:
        modules = sorted({each for each, _ in FUNCTIONS} | {FAULTS})
        if module not in modules:
            message = f"kcsim does not run the Python module '{module[:60]}'"
            raise Unusable(message, did_you_mean(module, modules, "modules that it plays"), ("module",))
        functions = [func for each, func in FUNCTIONS if each == module]
        raise Unusable(
            f"{module} has no '{name[:60]}' here", did_you_mean(name, functions, "functions"), ("func",)
        )
    try:
        inspect.signature(function).bind(None, **arguments)
    except TypeError as error:
        takes = ", ".join(list(inspect.signature(function).parameters)[1:])
        raise Unusable(f"{name}: {error}", f"It takes {takes}.", ("arguments",)) from None

    def play(sim: Simulation) -> Any:
        try:
            return function(sim, **arguments)
        except (TypeError, ValueError, AttributeError, re.error) as error:
            given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            raise ActivityFailed(f"{name}({given}): {type(error).__name__}: {error}") from error

    return play


def _fault(name: str, arguments: Mapping[str, Any]) -> Do:
    if name == "heal_all":
        return lambda sim: [record.subject for record in sim.heal()]
    try:
        own, kind = kind_named(name.replace("_", "-") if name not in ALIASES else name)
    except FaultError as error:
        raise Unusable(str(error), "Name a kind of docs/faults.md.", ("func",)) from None
    given = dict(arguments)
    target = str(given.pop(kind.target, "")) if kind.target else ""
    cluster = str(given.pop("cluster", ""))
    lasts = given.pop("duration", None)
    try:
        length = seconds(lasts) if lasts is not None else None
        fault(own, target, duration=length, cluster=cluster, **given)  # told now, not when it is put in
    except (FaultError, ValueError, TypeError) as error:
        raise Unusable(str(error), kind.summary, ("arguments",)) from None

    def put_in(sim: Simulation) -> str:
        try:
            return sim.inject(own, target, duration=lasts, cluster=cluster or None, **given).subject
        except FaultError as error:
            raise ActivityFailed(str(error)) from error

    return put_in


# --- http -------------------------------------------------------------------------------------------------------


def _http(provider: Mapping[str, Any]) -> Do:
    url, method = provider.get("url"), str(provider.get("method", "GET")).upper()
    if not isinstance(url, str) or "://" not in url:
        raise Unusable("an http provider needs `url`", 'Write "http://web.shop".', ("url",))
    if method != "GET":
        raise Unusable(
            f"kcsim's apps answer GET alike for everything: {method} means nothing to them",
            "Ask with GET, or use a traffic source.",
            ("method",),
        )
    arguments = provider.get("arguments") or {}
    if isinstance(arguments, dict) and arguments:
        url = f"{url}?{urlencode(arguments)}"
    timeout = provider.get("timeout")
    wait = max(timeout) if isinstance(timeout, list) and timeout else timeout
    expected = provider.get("expected_status")
    return partial(_asked, url=url, wait=float(wait or 30), expected=expected)


def _asked(sim: Simulation, *, url: str, wait: float, expected: Any) -> dict[str, Any]:
    try:
        journey = sim.network.trace(USERS, url, timeout=wait)
    except (UnknownSpot, ValueError) as error:
        raise ActivityFailed(f"failed to connect to {url}: {error}") from error
    sim.run(journey.took / SECOND)
    if journey.outcome == "server error":
        status = 500
    elif journey.ok:
        status = 200
    elif journey.outcome == "no endpoints":
        status = 503  # what an ingress answers that has nobody to pass the request to
    else:
        raise ActivityFailed(f"failed to connect to {url}: {journey.outcome}: {journey.why}")
    if expected is not None and status not in (expected if isinstance(expected, list) else [expected]):
        raise ActivityFailed(f"HTTP call failed with code {status} (expected {expected}): {journey.why}")
    return {"status": status, "headers": {}, "body": ""}


# --- processes --------------------------------------------------------------------------------------------------


def _process(provider: Mapping[str, Any]) -> Do:
    program = str(provider.get("path", "")).rpartition("/")[2]
    if program != "kubectl":
        raise Unusable(
            f"kcsim runs no processes: '{program[:60]}' is none it knows",
            "Only kubectl is played.",
            ("path",),
        )
    words = _words(provider.get("arguments") or [])
    why = refused(words)
    if why is not None:
        raise Unusable(f"kubectl refuses the line: {why}", "Mend the flag.", ("arguments",))

    def run(sim: Simulation) -> dict[str, Any]:
        outcome = sim.kubectl(words, as_=PERSON)
        return {"status": outcome.exit_code, "stdout": outcome.stdout, "stderr": outcome.stderr}

    return run


def _words(arguments: Any) -> list[str]:
    """chaoslib/provider/process.py: a text is split as a shell would, a map becomes flags, a list is taken as it is."""
    if isinstance(arguments, str):
        return shlex.split(arguments)
    if isinstance(arguments, dict):
        return [str(word) for pair in arguments.items() for word in pair if word not in {"", None}]
    if isinstance(arguments, list):
        return [str(word) for word in arguments]
    raise Unusable("the arguments are a text, a list or a map", "", ("arguments",))
