"""Placements against an oracle that works everything out the long way."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.api.selectors import from_labels
from kcsim.cluster.scheduler.cache import Cache
from kcsim.cluster.scheduler.default_profile import default_profile
from kcsim.cluster.scheduler.fast_path import FastPath
from kcsim.cluster.scheduler.pod_info import PodInfo, Shapes
from tests.unit.scheduler.oracle import HOSTNAME, ZONE, Constraint, Oracle, OracleNode, OraclePod, Term

APPS = st.sampled_from(["a", "b", "c"])
KEYS = st.sampled_from([HOSTNAME, ZONE, "rack"])
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

terms = st.lists(st.builds(Term, KEYS, APPS), max_size=2)
likes = st.lists(st.builds(Term, KEYS, APPS, st.integers(-50, 50).filter(bool)), max_size=2)
constraints = st.lists(
    st.builds(Constraint, KEYS, APPS, st.integers(1, 2), st.booleans(), st.integers(1, 3)),
    max_size=2,
    unique_by=lambda c: (c.key, c.hard),
)
pods = st.builds(
    OraclePod,
    app=APPS,
    cpu=st.sampled_from([100, 250, 600]),
    memory=st.sampled_from([64, 256]),
    disk=st.sampled_from(["", "", "ssd"]),
    near=st.one_of(st.just([]), terms),
    away=st.one_of(st.just([]), terms),
    likes=likes,
    spread=constraints,
    ending=st.booleans(),
)


@st.composite
def nodes(draw: st.DrawFn) -> list[OracleNode]:
    made = []
    for i in range(draw(st.integers(1, 7))):
        labels = {HOSTNAME: f"n{i}", "disk": draw(st.sampled_from(["ssd", "hdd"]))}
        for key, values in ((ZONE, ["z1", "z2"]), ("rack", ["r1", "r2", "r3"])):
            value = draw(st.sampled_from([*values, ""]))
            if value:
                labels[key] = value
        made.append(OracleNode(f"n{i}", labels, draw(st.sampled_from([1000, 2000])), 1024))
    return made


def manifest(pod: OraclePod, uid: str) -> dict[str, Any]:
    def term(t: Term) -> dict[str, Any]:
        return {"topologyKey": t.key, "labelSelector": {"matchLabels": {"app": t.app}}}

    def weighted(ts: list[Term]) -> list[dict[str, Any]]:
        return [{"weight": abs(t.weight), "podAffinityTerm": term(t)} for t in ts]

    spec: dict[str, Any] = {
        "containers": [{"resources": {"requests": {"cpu": f"{pod.cpu}m", "memory": f"{pod.memory}"}}}],
        "affinity": {
            "podAffinity": {
                REQUIRED: [term(t) for t in pod.near],
                PREFERRED: weighted([t for t in pod.likes if t.weight > 0]),
            },
            "podAntiAffinity": {
                REQUIRED: [term(t) for t in pod.away],
                PREFERRED: weighted([t for t in pod.likes if t.weight < 0]),
            },
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": c.skew,
                "topologyKey": c.key,
                "whenUnsatisfiable": "DoNotSchedule" if c.hard else "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": c.app}},
                **({"minDomains": c.min_domains} if c.hard else {}),
            }
            for c in pod.spread
        ],
    }
    if pod.disk:
        spec["nodeSelector"] = {"disk": pod.disk}
    metadata = {"name": uid, "namespace": "d", "uid": uid, "labels": {"app": pod.app}}
    return {"metadata": metadata, "spec": spec}


def cluster_of(found: list[OracleNode]) -> tuple[Cache, Shapes]:
    shapes = Shapes()
    cache = Cache(shapes)
    cache.default_selector = lambda pod: from_labels({"app": "a"}) if pod.labels["app"] == "a" else None
    for node in found:
        allocatable = {"cpu": f"{node.cpu}m", "memory": str(node.memory), "pods": "110"}
        cache.set_node(
            {
                "metadata": {"name": node.name, "labels": node.labels},
                "status": {"allocatable": allocatable},
            }
        )
    return cache, shapes


@settings(max_examples=150, deadline=None)
@given(nodes(), st.lists(pods, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_every_pod_goes_where_the_oracle_says(
    found: list[OracleNode], arriving: list[OraclePod], random: Any
) -> None:
    cache, shapes = cluster_of(found)
    fast = FastPath(cache, default_profile())
    oracle = Oracle(found, [], {"a"})
    start = 0
    for i, pod in enumerate(arriving):
        info: PodInfo = shapes.info(manifest(pod, f"p{i}"))
        decision = fast.decide(info, start, random.randrange)
        start = decision.next_start
        wanted = oracle.where(pod)
        assert (decision.node in wanted) if wanted else not decision.node
        if decision.node:
            if pod.ending:
                metadata = {**info.pod["metadata"], "deletionTimestamp": "now"}
                info = shapes.info({**info.pod, "metadata": metadata})
            cache.assume(info, decision.node)
            pod.node = decision.node
            oracle.pods.append(pod)
