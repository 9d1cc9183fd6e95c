"""Which volume a claim gets, what binding writes, when a volume leaves a node: tables of cases."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.controllers.attachdetach.decisions import (
    keeps_volumes,
    multi_attach_error,
    wait_to_detach,
)
from kcsim.cluster.controllers.persistentvolume.binding import (
    claim_bound_to,
    claim_with_phase,
    unbound_volume,
    volume_bound_to,
)
from kcsim.cluster.controllers.persistentvolume.controller import default_class
from kcsim.cluster.controllers.persistentvolume.matching import find_best_match, why_unsatisfied
from kcsim.cluster.controllers.persistentvolume.provisioner import zone_for
from kcsim.engine.clock import MINUTE, SECOND

Object = dict[str, Any]
RWO, RWX = "ReadWriteOnce", "ReadWriteMany"


def volume(name: str, size: str = "1Gi", modes: tuple[str, ...] = (RWO,), **spec: Any) -> Object:
    phase = spec.pop("phase", "Available")
    labels = spec.pop("labels", {})
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"capacity": {"storage": size}, "accessModes": list(modes), **spec},
        "status": {"phase": phase},
    }


def claim(size: str = "1Gi", modes: tuple[str, ...] = (RWO,), **spec: Any) -> Object:
    asked = {"requests": {"storage": size}}
    metadata = {"name": "data", "namespace": "shop", "uid": "u1", "resourceVersion": "7"}
    return {"metadata": metadata, "spec": {"accessModes": list(modes), "resources": asked, **spec}}


MINE = {"namespace": "shop", "name": "data"}


class TestMatching:
    @pytest.mark.parametrize(
        ("wanted", "volumes", "found"),
        [
            (claim("2Gi"), [volume("a", "5Gi"), volume("b", "2Gi"), volume("c", "1Gi")], "b"),
            (claim(), [volume("a", storageClassName="slow")], None),
            (claim(storageClassName="slow"), [volume("a"), volume("b", storageClassName="slow")], "b"),
            (claim(), [volume("a", "9Gi"), volume("b", "1Gi", (RWO, RWX))], "a"),
            (claim(modes=(RWX,)), [volume("a"), volume("b", "9Gi", (RWO, RWX))], "b"),
            (claim(), [volume("a", volumeMode="Block")], None),
            (claim(), [volume("a", phase="Released")], None),
            (claim(), [volume("a", claimRef={"namespace": "shop", "name": "other"})], None),
            (claim(), [volume("a"), volume("b", "9Gi", claimRef=MINE, phase="")], "b"),
            (claim("5Gi"), [volume("a"), volume("b", "9Gi", claimRef=MINE, phase="")], "b"),
            (claim(), [volume("a", claimRef={**MINE, "uid": "u2"})], None),
            (
                claim(selector={"matchLabels": {"tier": "gold"}}),
                [volume("a"), volume("b", labels={"tier": "gold"})],
                "b",
            ),
            (claim(), [], None),
        ],
    )
    def test_best_match(self, wanted: Object, volumes: list[Object], found: str | None) -> None:
        best = find_best_match(wanted, volumes, delayed=False)
        assert (best["metadata"]["name"] if best else None) == found

    def test_a_claim_that_waits_takes_only_what_is_reserved_for_it(self) -> None:
        assert find_best_match(claim(), [volume("a")], delayed=True) is None
        reserved = volume("b", claimRef=MINE)
        assert find_best_match(claim(), [volume("a"), reserved], delayed=True) is reserved

    @pytest.mark.parametrize(
        ("named", "why"),
        [
            (volume("a", "1Mi"), "requested PV is too small"),
            (volume("a", storageClassName="x"), "storageClassName does not match"),
            (volume("a", volumeMode="Block"), "incompatible volumeMode"),
            (volume("a", modes=(RWX,)), "incompatible accessMode"),
            (volume("a"), ""),
        ],
    )
    def test_a_volume_that_the_claim_names(self, named: Object, why: str) -> None:
        assert why_unsatisfied(named, claim()) == why


class TestBinding:
    def test_both_say_who_bound_them(self) -> None:
        bound = volume_bound_to(volume("a"), claim())
        assert bound["spec"]["claimRef"]["uid"] == "u1"
        assert bound["metadata"]["annotations"] == {"pv.kubernetes.io/bound-by-controller": "yes"}
        assert volume_bound_to(bound, claim()) is bound
        done = claim_bound_to(claim(), bound)
        assert done["spec"]["volumeName"] == "a"
        assert sorted(done["metadata"]["annotations"]) == [
            "pv.kubernetes.io/bind-completed",
            "pv.kubernetes.io/bound-by-controller",
        ]
        assert claim_bound_to(done, bound) is done

    def test_a_reservation_is_the_owners(self) -> None:
        bound = volume_bound_to(volume("a", claimRef=MINE), claim())
        assert bound["spec"]["claimRef"]["uid"] == "u1"
        assert "annotations" not in bound["metadata"]
        assert unbound_volume(bound)["spec"]["claimRef"]["uid"] == ""
        assert "claimRef" not in unbound_volume(volume_bound_to(volume("a"), claim()))["spec"]

    def test_status(self) -> None:
        bound = claim_with_phase(claim(), "Bound", volume("a", "3Gi"))
        assert bound["status"] == {"phase": "Bound", "accessModes": [RWO], "capacity": {"storage": "3Gi"}}
        assert claim_with_phase(bound, "Bound", volume("a", "3Gi")) is bound
        assert claim_with_phase(bound, "Lost", None)["status"] == {"phase": "Lost"}

    def test_the_newest_default_class_counts(self) -> None:
        marked = {"storageclass.kubernetes.io/is-default-class": "true"}
        classes = [
            {"metadata": {"name": n, "annotations": notes, "creationTimestamp": made}}
            for n, notes, made in (("a", marked, "1"), ("b", marked, "2"), ("c", marked, "2"), ("d", {}, "3"))
        ]
        assert default_class(classes)["metadata"]["name"] == "b"
        assert default_class([]) is None


class TestZones:
    def test_ordinals_go_round(self) -> None:
        zones = ["a", "b", "c"]
        names = [{"metadata": {"name": f"data-web-{i}"}} for i in range(6)]
        chosen = [zone_for(each, {}, zones) for each in names]
        assert sorted(chosen[:3]) == zones
        assert chosen[:3] == chosen[3:]

    def test_allowed_topologies(self) -> None:
        term = {"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": ["x"]}]}
        assert zone_for(claim(), {"allowedTopologies": [term]}, ["a"]) == "x"
        assert zone_for(claim(), {}, []) == ""


def pod(name: str = "web", namespace: str = "shop", **status: Any) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, "status": status}


RUNNING = {"containerStatuses": [{"state": {"running": {}}}]}
ENDED = {"containerStatuses": [{"state": {"terminated": {}}}]}


class TestDetaching:
    @pytest.mark.parametrize(
        ("one", "deleting", "keeps"),
        [
            (pod(), False, True),
            (pod(**RUNNING), True, True),
            (pod(**ENDED), True, False),
            (pod(phase="Succeeded"), False, False),
            (pod(), True, False),
        ],
    )
    def test_pods_keep_their_volumes(self, one: Object, deleting: bool, keeps: bool) -> None:
        if deleting:
            one["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        assert keeps_volumes(one) is keeps

    @pytest.mark.parametrize(
        ("in_use", "healthy", "out_of_service", "wait"),
        [
            (False, True, False, 0),
            (True, True, False, None),
            (True, False, False, 5 * MINUTE),
            (True, False, True, 0),
        ],
    )
    def test_waiting(self, in_use: bool, healthy: bool, out_of_service: bool, wait: int | None) -> None:
        found = wait_to_detach(
            in_use=in_use,
            healthy=healthy,
            out_of_service=out_of_service,
            unwanted_since=10 * SECOND,
            now=70 * SECOND,
        )
        assert found == wait

    @pytest.mark.parametrize(
        ("users", "why"),
        [
            ([], "Volume is already exclusively attached to one node and can't be attached to another"),
            ([pod("a"), pod("b")], "Volume is already used by pod(s) a, b"),
            ([pod("a", "x")], "Volume is already used by 1 pod(s) in different namespaces"),
            (
                [pod("a"), pod("b", "x")],
                "Volume is already used by pod(s) a and 1 pod(s) in different namespaces",
            ),
        ],
    )
    def test_what_the_next_pod_is_told(self, users: list[Object], why: str) -> None:
        assert multi_attach_error("v", pod(), users) == f'Multi-Attach error for volume "v" {why}'
