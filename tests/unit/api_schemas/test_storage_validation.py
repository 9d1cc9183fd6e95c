"""What storage drivers may say, and where claims may take their data from."""

from __future__ import annotations

import pytest

from kcsim.api.validation.rules import validate_create, validate_update
from kcsim.simulation.simulation import Simulation

STORAGE = "storage.k8s.io"
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}


def errors(kind, spec, group=STORAGE, **metadata):
    obj = {"metadata": {"name": "x", **metadata}, "spec": spec}
    return [str(error) for error in validate_create(obj, (group, "v1", kind))]


def changes(kind, new, old):
    made = [
        {"metadata": {"name": "x", "uid": "u", "resourceVersion": "1"}, "spec": spec} for spec in (new, old)
    ]
    return [str(error) for error in validate_update(*made, (STORAGE, "v1", kind))]


@pytest.mark.parametrize(
    ("kind", "spec", "told"),
    [
        (
            "CSIDriver",
            {"fsGroupPolicy": "Some", "volumeLifecycleModes": ["Persistent", "Always"]},
            [
                'spec.fsGroupPolicy: Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"',
                'spec.volumeLifecycleModes: Unsupported value: "Always": supported values: "Persistent", "Ephemeral"',
            ],
        ),
        ("CSINode", {"drivers": [{"name": "a.b", "nodeID": "n", "allocatable": {"count": 3}}]}, []),
        (
            "CSINode",
            {"drivers": [{"name": "", "nodeID": "", "allocatable": {"count": -1}}]},
            [
                "spec.drivers[0].name: Required value",
                "spec.drivers[0].nodeID: Required value",
                "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            "CSINode",
            {
                "drivers": [
                    {"name": "a", "nodeID": "n", "topologyKeys": ["k", "k"]},
                    {"name": "a", "nodeID": "n"},
                ]
            },
            ['spec.drivers[0]: Duplicate value: "k"', 'spec.drivers[1].name: Duplicate value: "a"'],
        ),
        (
            "VolumeAttachment",
            {"attacher": "a.b", "nodeName": "n", "source": {"persistentVolumeName": "v"}},
            [],
        ),
        (
            "VolumeAttachment",
            {"attacher": "", "nodeName": "n", "source": {}},
            [
                "spec.attacher: Required value",
                "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            ],
        ),
        (
            "VolumeAttachment",
            {
                "attacher": "a",
                "nodeName": "n",
                "source": {"inlineVolumeSpec": {}, "persistentVolumeName": "v"},
            },
            ["spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName"],
        ),
    ],
)
def test_what_drivers_say(kind, spec, told):
    assert errors(kind, spec) == told


def test_what_stays():
    attached = {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}}
    assert "field is immutable" in changes("VolumeAttachment", {**attached, "nodeName": "m"}, attached)[0]
    assert changes("CSIDriver", {"attachRequired": False}, {"attachRequired": True}) == [
        "spec.attachRequired: Invalid value: false: field is immutable"
    ]
    driver = {"name": "a", "nodeID": "n"}
    assert (
        changes("CSINode", {"drivers": [{**driver, "allocatable": {"count": 1}}]}, {"drivers": [driver]})
        == []
    )
    assert len(changes("CSINode", {"drivers": [{**driver, "nodeID": "m"}]}, {"drivers": [driver]})) == 1


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ({"dataSource": SNAPSHOT, "dataSourceRef": SNAPSHOT}, []),
        ({"dataSource": {"kind": "PersistentVolumeClaim", "name": "c"}}, []),
        (
            {"dataSource": {"kind": "Pod", "name": ""}},
            [
                "spec.dataSource.name: Required value",
                "spec.dataSource: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            ],
        ),
        (
            {"dataSource": SNAPSHOT, "dataSourceRef": {**SNAPSHOT, "name": "t"}},
            ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
        ),
    ],
)
def test_where_claims_take_their_data_from(sources, told):
    assert errors("PersistentVolumeClaim", {**CLAIM, **sources}, group="", namespace="default") == told


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"dataSource": SNAPSHOT}, {"dataSource": SNAPSHOT, "dataSourceRef": SNAPSHOT}),
        ({"dataSourceRef": SNAPSHOT}, {"dataSource": SNAPSHOT, "dataSourceRef": SNAPSHOT}),
        ({"dataSource": {"apiGroup": "example.com", "kind": "Populator", "name": "p"}}, {}),
    ],
)
def test_both_fields_say_where_data_comes_from(given, stored):
    sim = Simulation(nodes=0, seed=1)
    spec = {**CLAIM, **given}
    sim.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": spec})
    made = sim.get("pvc/c")["spec"]
    assert {key: made[key] for key in ("dataSource", "dataSourceRef") if key in made} == stored
