"""network_policy.json: which pairs of pods can connect."""

from __future__ import annotations

from kcsim.cluster.podnet.policy import EGRESS, INGRESS, End, compile_policy, decide, isolating


def end(pod, case):
    ports = {
        (f"serve-{port}-{protocol.lower()}", protocol): port
        for port in case["ports"]
        for protocol in case["protocols"]
    }
    namespace = pod["namespace"]
    labels = case["namespaces"].get(namespace, {})
    return End(pod["ip"], namespace, pod["name"], pod.get("labels", {}), labels, ports)


def reachability(case):
    policies = [compile_policy(p) for p in case["policies"]]
    pods = [end(pod, case) for pod in case["pods"]]
    port, protocol = case["probe"]["port"], case["probe"]["protocol"]

    def isolates(pod, direction):
        return isolating([p for p in policies if p.namespace == pod.namespace], pod, direction)

    return {
        "reachable": {
            str(source): {
                str(target): decide(
                    source, target, port, protocol, isolates(source, EGRESS), isolates(target, INGRESS)
                ).allowed
                for target in pods
                if target is not source
            }
            for source in pods
        }
    }


ADAPTERS = {"reachability": reachability}
