"""Template hashes are those of a real control plane, which hashes Go's dump of the typed template."""

from __future__ import annotations

import pytest

from kcsim.simulation.simulation import Simulation


@pytest.mark.parametrize(
    ("line", "name"),
    [
        # Held so that a change of the dump does not go unnoticed; the recordings have one of a real 1.36.
        ("create deployment nginx --image=nginx", "nginx-7f8fbb96d"),
    ],
)
def test_names_of_replica_sets(line: str, name: str) -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.kubectl(line)
    sim.run("5s")
    assert [each["metadata"]["name"] for each in sim.list("replicasets")] == [name]


def test_what_a_template_does_not_say_does_not_count() -> None:
    """Field by field as the server stores it: the order in which a manifest is written plays no part."""
    sim = Simulation(nodes=1, seed=1)
    for name, container in (
        ("a", {"name": "c", "image": "x", "env": [{"name": "E", "value": "1"}]}),
        (
            "b",
            {
                "env": [{"value": "1", "name": "E"}],
                "image": "x",
                "name": "c",
                "terminationMessagePath": "/dev/termination-log",
            },
        ),
    ):
        template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
        sim.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": "default"},
                "spec": spec,
            }
        )
    sim.run("5s")
    hashes = {each["metadata"]["labels"]["pod-template-hash"] for each in sim.list("replicasets")}
    assert len(hashes) == 1
