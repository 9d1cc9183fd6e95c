"""Faults that have a person behind them: a hand in the cluster, what was forgotten, and stolen credentials.

Whoever acts is a client like any other, over the network, with rights of their own: the record says what was typed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from shlex import quote
from typing import TYPE_CHECKING, Any

from kcsim.api.request import User, person
from kcsim.api.status import StatusError
from kcsim.delivery.ci.rights import reach
from kcsim.engine.task import Steps, Task
from kcsim.engine.trace import Record
from kcsim.kubectl.command import kubectl
from kcsim.kubectl.session import Outcome
from kcsim.simulation.faults.api import a_client, settle_client
from kcsim.simulation.faults.fault import Fault, FaultError, Kind, Undo
from kcsim.simulation.places import LAPTOP, USERS

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World

PERSON = "nico"
"""Who does what nobody else is named for."""


# --- at the keyboard --------------------------------------------------------------------------------------------


def _an_object(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """What is named is one object that is there now."""
    del world
    kind, slash, name = fault.target.partition("/")
    resource = cluster.server.catalog.by_word(kind) if slash and name else None
    if resource is None:
        raise FaultError(f"{fault.kind} needs an object as KIND/NAME, not {fault.target!r}")
    namespace = fault.amounts["namespace"] if resource.namespaced else ""
    if cluster.server.log.get(resource, namespace, name) is None:
        here = sorted({v.key[1] for v in cluster.server.log.list(resource, namespace or None)})
        where = f" in namespace {namespace}" if namespace else ""
        there = f"there are {', '.join(here)}" if here else "there is none"
        raise FaultError(f"no {fault.target}{where}; {there}")
    return {}


def types(world: World, cluster: Cluster, fault: Fault, line: str) -> None:
    """A person types a kubectl command, over the network; what it prints is told when it fails."""
    engine, who = world.engine, fault["person"]
    client = cluster.client(person(who), LAPTOP)
    record = engine.note(who, "kubectl", line)
    with engine.because(record):
        Task(_watched(world, record, who, line, kubectl(client, line)))


def _watched(world: World, record: Record, who: str, line: str, steps: Steps) -> Steps:
    outcome: Outcome = yield from steps
    if outcome.exit_code:
        world.engine.cause = record
        error = outcome.stderr.strip() or outcome.stdout.strip()
        world.engine.note(who, "kubectl-failed", line, {"exit": outcome.exit_code, "error": error})


def _by_hand(summary: str, effect: str, line: Callable[[Fault], str], *needs: str, **takes: Any) -> Kind:
    def begin(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
        types(world, cluster, fault, f"{line(fault)} -n {fault['namespace']}")
        return None

    return Kind(
        layer="human",
        summary=summary,
        effect=effect,
        target="object",
        takes={"namespace": "default", "person": PERSON, **takes, **dict.fromkeys(needs)},
        needs=needs,
        check=_an_object,
        begin=begin,
        momentary=True,
    )


def _suspend(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
    def patch(suspend: str) -> str:
        body = quote(f'{{"spec":{{"suspend":{suspend}}}}}')
        return f"patch {fault.target} --type=merge -p {body} -n {fault['namespace']}"

    types(world, cluster, fault, patch("true"))
    return lambda: types(world, cluster, fault, patch("false"))


# --- credentials ------------------------------------------------------------------------------------------------


def _a_thief(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """What a thief changes is named in full."""
    given = [fault.amounts[name] is None for name in ("resource", "object_name", "patch")]
    if any(given) and not all(given):
        raise FaultError(f"{fault.kind} changes an object with resource, objectName and patch together")
    return a_client(world, cluster, fault)


def _leaked(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
    """A thief uses somebody's credentials until they are taken back."""
    engine = world.engine
    user = _user(world, cluster, fault.target)
    thief = cluster.client(user, USERS, "curl")
    could = str(reach(user, cluster.server.authorizer.rules_of(user)))
    task = Task(_steal(world, cluster, thief, could, fault), lambda _value, _error: None)
    del engine
    return task.kill


def _steal(world: World, cluster: Cluster, thief: Any, could: str, fault: Fault) -> Steps:
    engine, cause = world.engine, world.engine.cause
    read = 0
    spaces = [version.key[1] for version in cluster.server.log.list(thief.resource("namespaces"))]
    for space in spaces:
        try:
            found = yield thief.list("secrets", space)
            read += len(found["items"])
        except StatusError:
            continue  # not allowed there, which the count tells
    engine.cause = cause
    detail = {"secrets": read, "could": could}
    engine.cause = engine.note("intruder", "steal", f"credentials/{fault.target}", detail)
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "miner", "namespace": fault["namespace"]},
        "spec": {"containers": [{"name": "miner", "image": "registry.example/miner:1"}]},
    }
    acts = [(f"pod/{fault['namespace']}/miner", thief.create("pods", body))]
    if fault["patch"] is not None:
        resource, name = fault["resource"], fault["object_name"]
        patch = thief.patch(resource, fault["namespace"], name, json.loads(fault["patch"]))
        acts.append((f"{resource}/{fault['namespace']}/{name}", patch))
    began = engine.cause
    for subject, act in acts:
        engine.cause = began
        try:
            yield act
        except StatusError as error:
            engine.note("intruder", "refused", subject, {"error": str(error)})


def _user(world: World, cluster: Cluster, name: str) -> User:
    """The identity behind a client's name: of its components, of a pipeline's deployer, or of a person."""
    program = "kustomize-controller" if name == "flux" else name  # the one of Flux that changes things
    for component in cluster.endpoint.components:
        # What stands on a node under the node's name is its kubelet.
        if program in {
            component.name,
            component.user.name,
            component.host if component.name == "kubelet" else "",
        }:
            return component.user
    for system in world.ci:
        for pipeline in system.pipelines.values():
            for target in pipeline.targets:
                if target.name == cluster.name and name in {"ci", target.deployer.user}:
                    return target.deployer.identity()
    return person(name)


KINDS: dict[str, Kind] = {
    "human-edit": _by_hand(
        "A person changes an object by hand.",
        "Drift: an agent puts it back with its next comparison, a pipeline with its next run, if the field is in git.",
        lambda fault: f"patch {fault.target} --type=merge -p {quote(fault['patch'])}",
        "patch",
    ),
    "human-scale": _by_hand(
        "A person scales a workload by hand.",
        "Drift where git says how many; a fight where an autoscaler does.",
        lambda fault: f"scale {fault.target} --replicas={fault['replicas']}",
        replicas=0,
    ),
    "human-delete": _by_hand(
        "A person deletes an object.",
        "What depends on it goes too; an agent makes it anew, a pipeline with its next run.",
        lambda fault: f"delete {fault.target} --wait=false",
    ),
    "human-force-delete": _by_hand(
        "A person deletes an object by force, without grace.",
        "The object is gone while its containers may still run: a StatefulSet's pod may be there twice.",
        lambda fault: f"delete {fault.target} --force --grace-period=0 --wait=false",
    ),
    "human-label-removed": _by_hand(
        "A person takes a label off an object.",
        "Selectors lose it: a Service's endpoints, a ReplicaSet's pod, a node for its pods.",
        lambda fault: f"label {fault.target} {fault['label']}-",
        "label",
    ),
    "suspend-forgotten": Kind(
        layer="human",
        summary="A person suspends an object and forgets it; at the end they remember.",
        effect="Nothing is reconciled: commits do not arrive, drift stays.",
        target="object",
        takes={"namespace": "flux-system", "person": PERSON},
        check=_an_object,
        begin=_suspend,
    ),
    "credential-expired": Kind(
        layer="credentials",
        summary="One client's credentials are not accepted any more (expired or revoked): 401 Unauthorized.",
        effect="Its requests fail; watches that are open go on until they break.",
        target="client",
        takes={"share": 1.0, "verb": None, "resource": None},
        check=a_client,
        settle=settle_client,
        scope="client",
    ),
    "credential-leaked": Kind(
        layer="credentials",
        summary="A stranger uses one client's credentials until they are taken back.",
        effect="They read every Secret, start a pod and change an object (`resource`, `objectName`, `patch`), as far as the client's "
        "rights go; the trace says what else they could.",
        target="client",
        takes={"namespace": "default", "resource": None, "object_name": None, "patch": None},
        check=_a_thief,
        begin=_leaked,
    ),
}
