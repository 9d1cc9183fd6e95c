"""The pytest plugin: worlds as fixtures, stories as marks, invariants over every world, and diffs that can be read.

It is loaded in every run of pytest where kcsim is installed, so nothing heavy is imported before somebody asks for it.

``sim``            a bare cluster of three nodes, or the story of ``@pytest.mark.scenario("shop.yaml", delivery="flux")``, not yet run
``simulation``     makes bare clusters: ``simulation(nodes=5)``; all of a test have the seed of the run
``kcsim_seed``     that seed, ``--kcsim-seed``
``kcsim_saved``    where counterexamples go, ``--kcsim-save-dir``

With ``kcsim_invariants = true`` in pytest's configuration, every world that a test makes is checked against all
invariants when the test is over; ``@pytest.mark.breaks("name")`` says which a test breaks on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kcsim.simulation.simulation import Simulation

PROFILES: dict[str, dict[str, Any]] = {
    "kcsim-dev": {"max_examples": 50},
    "kcsim-ci": {"max_examples": 200, "derandomize": True, "database": None, "print_blob": True},
    "kcsim-nightly": {"max_examples": 20_000},
}
"""Profiles for Hypothesis; none has a deadline, for time in a world is virtual."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and settings of the plugin."""
    group = parser.getgroup("kcsim", "simulated clusters")
    group.addoption("--kcsim-seed", type=int, default=1, metavar="N", help="seed of worlds (default: 1)")
    group.addoption(
        "--kcsim-save-dir",
        default=".kcsim/counterexamples",
        metavar="DIR",
        help="where counterexamples are saved (default: .kcsim/counterexamples)",
    )
    group.addoption(
        "--kcsim-profile",
        default=None,
        choices=sorted(PROFILES),
        help="Hypothesis profile: how many stories are made up, and whether they are the same each time",
    )
    parser.addini("kcsim_invariants", "check every world against all invariants", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Say which marks there are, and load the Hypothesis profile that was asked for."""
    config.addinivalue_line("markers", "scenario(path, delivery=None): the story that the fixture sim plays")
    config.addinivalue_line(
        "markers", "breaks(*names): invariants that the story of a test breaks on purpose"
    )
    profile = config.getoption("--kcsim-profile")
    if profile:
        from kcsim.testing.profiles import load

        load(profile, PROFILES)


def pytest_report_header(config: pytest.Config) -> str:
    """One line: the seed, and what is checked."""
    checked = "all invariants" if config.getini("kcsim_invariants") else "no invariants"
    profile = config.getoption("--kcsim-profile") or "as configured"
    return f"kcsim: seed {config.getoption('--kcsim-seed')}, {checked}, hypothesis {profile}"


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Two Kubernetes objects that should be equal, field by field."""
    if op != "==" or not (_is_object(left) and _is_object(right)):
        return None
    assert isinstance(left, Mapping)
    assert isinstance(right, Mapping)
    return [f"{_name(left)} == {_name(right)}", *list(_differences(left, right, ""))[:40]]


@pytest.fixture
def kcsim_seed(request: pytest.FixtureRequest) -> int:
    """The seed of the run's worlds."""
    return int(request.config.getoption("--kcsim-seed"))


@pytest.fixture
def kcsim_saved(request: pytest.FixtureRequest) -> Path:
    """The folder for counterexamples."""
    return Path(request.config.getoption("--kcsim-save-dir"))


@pytest.fixture
def simulation(kcsim_seed: int) -> Callable[..., Simulation]:
    """Makes bare clusters; arguments as for ``kcsim.Simulation``."""

    def make(**options: Any) -> Simulation:
        from kcsim.simulation.simulation import Simulation

        return Simulation(**{"nodes": 3, "seed": kcsim_seed, **options})

    return make


@pytest.fixture
def sim(request: pytest.FixtureRequest, simulation: Callable[..., Simulation]) -> Simulation:
    """A bare cluster, or the story that the test's mark names, ready to be run."""
    mark = request.node.get_closest_marker("scenario")
    if mark is None:
        return simulation()
    from kcsim.scenario.diagnostics import ScenarioError
    from kcsim.scenario.play import load

    if len(mark.args) != 1 or not {"delivery", "seed"} >= mark.kwargs.keys():
        pytest.fail(
            'the mark names one story: @pytest.mark.scenario("shop.yaml", delivery="flux")', pytrace=False
        )
    (path,) = mark.args
    beside = request.path.parent / path
    story = beside if beside.is_file() else path
    try:
        return load(story, mark.kwargs.get("delivery"), mark.kwargs.get("seed"))
    except ScenarioError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(autouse=True)
def kcsim_worlds_keep_their_promises(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Check the worlds of a test against all invariants, where the configuration asks for it."""
    if not request.config.getini("kcsim_invariants"):
        yield
        return
    module = import_module(
        "kcsim.simulation.world"
    )  # now, or the first world that is made would go unchecked
    worlds: list[Any] = []
    made = module.World.__init__

    def remember(self: Any, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        worlds.append(self)

    monkeypatch.setattr(module.World, "__init__", remember)
    yield
    if not worlds:
        return
    from kcsim.testing.invariants import INVARIANTS, check

    broken_on_purpose = {name for mark in request.node.iter_markers("breaks") for name in mark.args}
    if unknown := sorted(broken_on_purpose - set(INVARIANTS)):
        pytest.fail(f"there is no invariant {', '.join(unknown)}", pytrace=False)
    names = [name for name in INVARIANTS if name not in broken_on_purpose]
    if not names:  # which would ask for all of them
        return
    violations = [str(each) for world in worlds for each in check(world, names)]
    if violations:
        pytest.fail("\n".join(violations), pytrace=False)


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("metadata"), Mapping) and "kind" in value


def _name(obj: Mapping[str, Any]) -> str:
    return f"{obj['kind']}/{obj['metadata'].get('name', '')}"


def _differences(left: Any, right: Any, path: str) -> Iterator[str]:
    """``spec.replicas: 3 != 2``, in the order of fields."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for field in sorted({*left, *right}):
            yield from _differences(left.get(field), right.get(field), f"{path}.{field}" if path else field)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _differences(one, other, f"{path}[{place}]")
    elif left != right:
        yield f"{path}: {left!r} != {right!r}"
