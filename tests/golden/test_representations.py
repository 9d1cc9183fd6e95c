"""What notebooks show of every value, kept byte for byte: plain text, HTML and SVG.

The values are made by hand where that is possible, so that the files change when the look changes and not with every delay of
the simulated systems. ``pytest tests/golden --update-golden`` writes them anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import kcsim
from kcsim.cluster.dns.lookup import Lookup, Question
from kcsim.engine.trace import Record
from kcsim.kubectl.session import Outcome
from kcsim.network.graphs import graph_of
from kcsim.notebook.representations import PICTURES, REPRESENTATIONS, bundle
from kcsim.scenario.compare import ExpectationRow, MeasureRow, Table
from kcsim.scenario.divergence import Differing, Divergence, Side
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.measure import Measure
from kcsim.scenario.results import MeasureList, VerdictList
from kcsim.scenario.sweep import Sweep, Swept
from kcsim.simulation.difference import Change, Diff, ObjectDiff
from kcsim.simulation.journey import Journey
from kcsim.simulation.leaves import Leaf
from kcsim.simulation.network import Matrix
from kcsim.simulation.reach import Hop, Reach
from kcsim.simulation.simulation import Run, Step
from kcsim.simulation.why import Link, Why
from kcsim.views.heatmap import grid
from kcsim.views.moments import Moment, Moments
from kcsim.views.picture import picture
from kcsim.views.readiness import ReadyStep
from kcsim.views.rollout_chart import Bound, Count, Rollout
from kcsim.views.spread import spread
from kcsim.views.strips import Happened, Stretch, Strip
from kcsim.views.three_way import Line, ThreeWay
from kcsim.views.topology import PolicyMark, Topology

FOLDER = Path(__file__).parent / "representations"
S = 1_000_000
M = 60 * S
HOSTILE = '<b onclick="x">&\u202e</b>'


def record(time: int, actor: str, verb: str, subject: str, cause: Record | None = None) -> Record:
    made = Record(time, cause, actor, verb, subject)
    made.seq = time
    return made


COMMIT = record(10 * M, "dana", "commit", "commit/shop/4ab233e")
APPLY = record(11 * M, "ci-deployer", "patch", "deployment.apps/shop/web", COMMIT)
WHY = Why(
    (
        Link(2, "660.0", "ci-deployer", "patch", "deployment.apps/shop/web", "spec.replicas=3"),
        Link(1, "600.0", "dana", "commit", "commit/shop/4ab233e", f"message={HOSTILE}"),
    )
)
LEAVES = (Leaf("spec.replicas", 3, 1), Leaf("metadata.labels.note", None, HOSTILE))
OBJECTS = (
    ObjectDiff("configmap/shop/new", "added", ()),
    ObjectDiff("deployment.apps/shop/web", "changed", LEAVES),
    ObjectDiff("pod/shop/web-1", "removed", ()),
)
MEASURES = MeasureList(
    (
        Measure(
            "change_lead_time",
            "Change lead time",
            93.5,
            "s",
            "From a commit until ready.",
            ("10m: after 1m33s",),
        ),
        Measure(
            "drift_repair_time", "Time to repair drift", None, "s", "From a change by hand.", (), "never"
        ),
    )
)
VERDICTS = VerdictList(
    (
        Verdict("comes-up", "", "holds", True, 16.0, "ready == 3 became true at 16s"),
        Verdict(HOSTILE, HOSTILE, "holds", False, None, f"{HOSTILE} was true at 3m", held=False),
    )
)
HOPS = (
    Hop("egress", True, "there are no policies"),
    Hop("path", True, "users - node-1", 20_200),
    Hop("ingress", False, HOSTILE),
)
REACH = Reach("users", "pod/shop/web-1", 80, "TCP", False, HOPS, 0.0)
GRAPH = graph_of(
    [
        ("users", {"kind": "users", "zone": "", "up": True}),
        ("node-1", {"kind": "node", "zone": "a", "up": True}),
        ("node-2", {"kind": "node", "zone": "b", "up": False}),
        ("pod/shop/web-1", {"kind": "pod", "zone": "", "up": True, "ip": "10.244.0.2", "ready": True}),
        ("pod/shop/web-2", {"kind": "pod", "zone": "", "up": True, "ip": "", "ready": False}),
        ("service/shop/web", {"kind": "service", "zone": "", "up": True, "endpoints": 1}),
    ],
    [
        ("users", "node-1", {"kind": "link", "latency_s": 0.01}),
        ("node-1", "pod/shop/web-1", {"kind": "runs"}),
        ("service/shop/web", "pod/shop/web-1", {"kind": "serves"}),
    ],
)
SWEPT = tuple(
    Swept(
        delivery,
        seed,
        (("deliveries.flux.kustomization.interval", interval),),
        (("drift_repair_time", value),),
        True,
        "0" * 64,
    )
    for interval, factor in (("1m", 1.0), ("10m", 10.0))
    for seed in range(6)
    for delivery, value in (("push", None), ("flux", factor * (seed + 1)))
)
STRIP = Strip(
    "flux",
    [
        Happened(0, "git", "dana", "commit", "commit/shop/1", f'dana commits 1 "{HOSTILE}"'),
        Happened(2 * M, "registry", "registry", "push", "image/web:2", "web:2 is pushed"),
        Happened(3 * M, "ci", "ci", "start", "run/shop/1", "run 1 starts"),
        Happened(4 * M, "ci", "ci", "fail", "run/shop/1", "run 1 failed: tests"),
        Happened(
            5 * M, "agent", "source-controller", "patch", "gitrepository/shop", "source-controller fetched 1"
        ),
        Happened(
            6 * M,
            "api",
            "nico",
            "patch",
            "deployment/web",
            "drift: deployment/web: replicas is 1, git says 3",
        ),
        Happened(7 * M, "fault", "fault", "inject", "node-crash/node-1", "node-crash of node-1 begins"),
        Happened(9 * M, "fault", "fault", "heal", "node-crash/node-1", "node-crash of node-1 is over"),
        Happened(6 * M, "person", "nico", "kubectl", "scale", "nico: kubectl scale"),
    ],
    [ReadyStep(M, 0, 3), ReadyStep(2 * M, 3, 3), ReadyStep(7 * M, 1, 3), ReadyStep(8 * M, 0, 0)],
    [Stretch(7 * M, 8 * M, "shoppers: 12 timed out")],
    [Stretch(6 * M, 9 * M, "deployment/web: replicas is 1, git says 3 (by nico)")],
    [0, 5, 1, 0, 0, 20, 3, 0, 0, 1],
    True,
    10 * M,
)

VALUES: dict[str, Any] = {
    "run": Run("deployment/web is available", 16.141, 186),
    "record": APPLY,
    "step": Step(600.0, (COMMIT, APPLY)),
    "step-without-news": Step(3600.0, ()),
    "change": Change(True, 660.0, (APPLY,), OBJECTS[1:2]),
    "change-none": Change(False, 3600.0, (), ()),
    "diff": Diff(0.0, 660.0, OBJECTS),
    "why": WHY,
    "divergence": Divergence(
        660.0,
        "deployment.apps/shop/web",
        (Side("push", APPLY, WHY), Side("flux", None, None)),
        (Differing("spec.replicas", (3, None)), Differing(f"data.{HOSTILE}", (HOSTILE, "b"))),
    ),
    "divergence-of-two": Divergence(
        660.0,
        "configmap/shop/settings",
        (Side("push", APPLY, WHY), Side("flux", COMMIT, WHY)),
        (Differing("", ("there", "not there")),),
    ),
    "table": Table(
        "story",
        f"A story {HOSTILE}",
        7,
        ("push", "flux"),
        (
            MeasureRow(
                "change_lead_time",
                "Change lead time",
                "s",
                "From a commit until ready.",
                (MEASURES[0], MEASURES[1]),
            ),
        ),
        (ExpectationRow("comes-up", "", (VERDICTS[0], VERDICTS[1])),),
    ),
    "measures": MEASURES,
    "verdicts": VERDICTS,
    "moments": Moments([Moment(10 * M, "git", "dana", f"dana commits {HOSTILE}", COMMIT)], 12 * M),
    "outcome": Outcome(1, "", 'Error from server (NotFound): deployments.apps "web" not found\n'),
    "matrix": Matrix(
        "shop",
        ("a", "b"),
        {"a": {"a": True, "b": False}, "b": {"a": True, "b": True}},
        {("a", "b"): "no rule"},
    ),
    "reach": REACH,
    "lookup": Lookup(
        "web",
        (
            Question("web.shop.svc.cluster.local", "kube-system/coredns-1", "timeout", 5_000_000, HOSTILE),
            Question(
                "web.shop.svc.cluster.local",
                "kube-system/coredns-2",
                "NOERROR",
                900,
                "",
                ("10.96.0.7",),
                ("A 10.96.0.7",),
            ),
        ),
        ("10.96.0.7",),
        5_000_900,
    ),
    "journey": Journey("users", "http://web", HOPS, "policy drop", 20_000),
    "topology": Topology(
        "The network", GRAPH, (REACH,), (PolicyMark("shop/deny", "deny", ("shop/web-1",), ()),)
    ),
    "rollout": Rollout(
        "deployment/web",
        0,
        2 * M,
        (
            ("web-1", "web:1", (Count(0, 3, 3), Count(70 * S, 2, 2), Count(90 * S, 0, 0))),
            ("web-2", "web:2", (Count(60 * S, 1, 0), Count(70 * S, 2, 1), Count(90 * S, 3, 3))),
        ),
        (Bound(0, 3, 3, 4),),
    ),
    "heat-map": grid(
        "Time to repair drift, medians", ["1m", "10m"], ["push", HOSTILE], [[None, 3], [40, 5.5]], "s"
    ),
    "spread": spread(
        "Time to repair drift", {"push": [None] * 3, "flux": [float(n * n) for n in range(9)]}, "s"
    ),
    "three-way": ThreeWay(
        "deployment/web",
        45 * M,
        True,
        True,
        True,
        (Line("spec.replicas", 3, 3, 1, ("kubectl",)), Line("image", 2, 1, 1, ())),
    ),
    "sweep": Sweep(
        "drift",
        "Drift",
        ("deliveries.flux.kustomization.interval",),
        (("drift_repair_time", "Time to repair drift", "s"),),
        SWEPT,
    ),
    "object": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"a": HOSTILE}},
    },
    "graph": GRAPH,
}
SUFFIXES = {"text/plain": "txt", "text/html": "html", "image/svg+xml": "svg"}


def matches(name: str, text: str, updating: bool) -> None:
    path = FOLDER / name
    text = text.rstrip("\n") + "\n"
    if updating:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.is_file(), "pytest tests/golden --update-golden writes what is missing"
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_value_shows_itself_as_it_is_known(name: str, updating: bool) -> None:
    found = bundle(VALUES[name])
    assert found == bundle(VALUES[name])
    for mime, text in found.items():
        if mime == "text/plain" and name in {"object", "graph"}:
            continue  # plain dicts and graphs are not ours
        matches(f"{name}.{SUFFIXES[mime]}", text, updating)
        assert "<b onclick" not in text or mime == "text/plain"
    ET.fromstring(found.get("image/svg+xml", "<svg/>"))


def test_the_lanes_of_a_world_are_as_known(updating: bool) -> None:
    matches("lanes.svg", str(picture([STRIP], 10 * M, f"Lanes {HOSTILE}")), updating)
    assert Strip.from_json(STRIP.to_json()) == STRIP


def test_every_type_has_an_example() -> None:
    made_by_running = {"Simulation", "Play", "Past", "Subject", "Condition", "Twins"}
    made_by_running |= {"Agreement", "Cumulative", "Means"}  # tests/unit/notebook shows them
    shown = {type(value).__name__ for value in VALUES.values()}
    assert {kind.__name__ for kind in REPRESENTATIONS} - shown == made_by_running
    assert set(PICTURES) <= set(REPRESENTATIONS)


def test_no_file_is_left_over() -> None:
    made = {f"{name}.{SUFFIXES[mime]}" for name, value in VALUES.items() for mime in bundle(value)} | {
        "lanes.svg"
    }
    plain = {"object.txt", "graph.txt"}
    assert {path.name for path in FOLDER.iterdir()} == made - plain


class TestWhatIsMadeByRunning:
    """A world of its own for each; their facts are asked for, as their numbers are the simulator's."""

    @pytest.fixture(scope="class")
    def sim(self) -> kcsim.Simulation:
        play = kcsim.load("plain-release", delivery="push")
        play.run_until(play.deploy("web", "shop").available)
        return play

    def test_worlds_and_their_past(self, sim) -> None:
        found = sim._repr_mimebundle_()
        assert set(found) == set(SUFFIXES)
        assert "plain-release under push" in found["text/html"]
        assert "3/3" in found["text/html"]
        assert "<svg" in sim._repr_html_()
        assert "as it was at t=5s" in sim.at("5s")._repr_html_()

    def test_subjects_and_conditions(self, sim) -> None:
        web = sim.deploy("web", "shop")
        assert "3 of 3 ready" in web._repr_html_()
        assert "dana" in web._repr_html_()
        assert "did you mean web" in sim.deploy("wob")._repr_html_()
        assert "✓ deployment/web is available" in web.available._repr_html_()

    def test_twins(self) -> None:
        twins = kcsim.compare("plain-release", until="12m")
        found = twins._repr_mimebundle_()
        assert found == kcsim.compare("plain-release", until="12m")._repr_mimebundle_()
        assert "Change lead time" in found["text/html"]
        ET.fromstring(found["image/svg+xml"])

    def test_a_type_that_nobody_knows_is_refused(self) -> None:
        with pytest.raises(TypeError, match="nothing says how a object looks"):
            bundle(object())
