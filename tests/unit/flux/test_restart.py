"""A kustomize-controller that comes back reads its caches before it works: it never misses a source that is there."""

import pytest

import kcsim
from kcsim.api.log import Version


def ready_messages(play, since: float) -> list[tuple[str, str]]:
    """(reason, message) of the Ready condition in every version of the Kustomization from an instant (s) on."""
    versions = [record for record in play.trace.records if isinstance(record, Version)]
    return [
        (condition["reason"], condition["message"])
        for version in versions
        if version.subject.startswith("kustomization") and version.time >= since * 1e6
        for condition in (version.object.get("status") or {}).get("conditions") or ()
        if condition["type"] == "Ready"
    ]


# Without waiting for its caches the controller would miss its source under each of the first four seeds.
@pytest.mark.parametrize(
    ("down", "seed"), [("20s", 9), ("20s", 20), ("20s", 25), ("20s", 35), ("2m", 0), ("8m", 1)]
)
def test_after_its_node_was_down_it_goes_on_without_missing_its_source(down, seed):
    play = kcsim.load("drift-at-night", "flux", seed, until="40m")
    play.run_until("12m")
    (pod,) = [
        each
        for each in play.list("pods", "flux-system")
        if each["metadata"]["name"].startswith("kustomize-controller")
    ]
    cluster, node = play.world.cluster, pod["spec"]["nodeName"]
    cluster.crash_node(node)
    play.run(down)
    cluster.boot_node(node)
    began = play.now
    play.run("12m")
    told = ready_messages(play, began)
    assert ("ReconciliationSucceeded", told[-1][1]) == told[-1]
    assert not [message for _, message in told if "not found" in message and "artifact" not in message], told
