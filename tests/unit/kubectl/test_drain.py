"""kubectl drain against a budget that forbids it: retries every five seconds, and what is told at the end."""

from __future__ import annotations

BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
"""


def test_a_drain_tries_every_five_seconds_and_looks_at_the_clock_only_then(web, sim):
    web("scale deploy/web --replicas=1")
    web("apply -f -", stdin=BUDGET)
    sim.run("1m")
    pod = sim.list("pods", "default")[0]
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    begin = sim.now
    outcome = sim.kubectl(f"drain {node} --timeout 7s")
    assert outcome.exit_code == 1
    # Tried at 0 s and 5 s; at 10 s the 7 s are over.
    assert 10 <= sim.now - begin < 11
    assert outcome.stdout == f"node/{node} cordoned\n" + f"evicting pod default/{name}\n" * 3
    refused = (
        f'error when evicting pods/"{name}" -n "default" (will retry after 5s): '
        "Cannot evict pod as it would violate the pod's disruption budget.\n"
    )
    failure = f'error when evicting pods/"{name}" -n "default": global timeout reached: 7s'
    assert outcome.stderr == (
        refused * 2
        + f'There are pending pods in node "{node}" when an error occurred: {failure}\npod/{name}\n'
        + f'error: unable to drain node "{node}" due to error: {failure}, continuing command...\n'
        + f"There are pending nodes to be drained:\n {node}\n{failure}\n"
    )


def test_what_must_not_be_evicted_is_told_once_more_at_the_end(k, sim):
    k("run lonely --image=app:1")
    sim.run("30s")
    node = sim.get("pod/lonely")["spec"]["nodeName"]
    why = "cannot delete Pods that declare no controller (use --force to override): default/lonely"
    assert k.fails(f"drain {node}") == (
        f'error: unable to drain node "{node}" due to error: {why}, continuing command...\n'
        f"There are pending nodes to be drained:\n {node}\n{why}\n"
    )
