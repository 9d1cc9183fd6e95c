"""The fields of a timeline entry that go with `fault`: what it hits, and how strongly.

Which kind of faults takes which of them is in `kcsim.scenario.faults`; what each means in `kcsim.simulation.faults.fields`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from kcsim.scenario.values import Count, Duration, Factor, Fraction, Name, NamespaceName, Offset


@dataclass(frozen=True, kw_only=True)
class FaultFields:
    """What a fault hits, and how strongly."""

    node: Annotated[Name | None, "The node a fault hits."] = None
    zone: Annotated[str | None, "The zone a fault hits."] = None
    repository: Annotated[Name | None, "The repository a fault hits; all when left out."] = None
    client: Annotated[
        str | None, "The API client a fault hits: ci, flux, a component, a node or a person."
    ] = None
    component: Annotated[
        str | None,
        "The component whose process or informers a fault hits: kube-scheduler, source-controller, kubelet@node-1.",
    ] = None
    link: Annotated[
        str | None,
        "The part of the network a fault hits: node-1 (from everybody), zone-a <-> zone-b, node-1 -> control-plane.",
    ] = None
    runner: Annotated[str | None, "The CI runner a fault hits, shop-runner-1; all when left out."] = None
    traffic: Annotated[Name | None, "The traffic a fault multiplies."] = None
    container_image: Annotated[str | None, "The image whose containers a fault hits."] = None
    object: Annotated[str | None, "The object that a person lays hands on: deployment/web."] = None
    namespace: Annotated[NamespaceName | None, "The namespace of the object, or of the objects."] = None
    loss: Annotated[Fraction | None, "The share of packets that is lost, each way."] = None
    share: Annotated[Fraction | None, "The share of requests, calls or memory that a fault hits."] = None
    delay: Annotated[Duration | None, "How much longer something takes, or how much later it comes."] = None
    code: Annotated[Count | None, "The HTTP status code of an error."] = None
    verb: Annotated[str | None, "Only requests with this verb: create, update, patch, delete ..."] = None
    resource: Annotated[str | None, "Only this resource, by its plural name: pods."] = None
    object_name: Annotated[str | None, "Only objects of this name; `*` stands for anything."] = None
    reconciler: Annotated[str | None, "Only this reconciler of the component: replicaset-controller."] = None
    event: Annotated[Literal["ADDED", "MODIFIED", "DELETED"] | None, "Only changes of this kind."] = None
    nth: Annotated[Count | None, "Which of the writes or changes that match, from 1."] = None
    times: Annotated[Count | None, "How many in a row, or how often more."] = None
    when: Annotated[
        Literal["before", "after"] | None, "Right before a write is sent, or right after it took effect."
    ] = None
    ago: Annotated[Duration | None, "How far back in time."] = None
    revision: Annotated[Count | None, "As of which resourceVersion."] = None
    down: Annotated[Duration | None, "How long a process stays down."] = None
    skew: Annotated[Offset | None, "By how much a clock is wrong; negative: it is behind."] = None
    quota: Annotated[Count | None, "How many requests are answered in each minute."] = None
    factor: Annotated[Factor | None, "How many times as much as before."] = None
    replicas: Annotated[Count | None, "How many replicas."] = None
    label: Annotated[str | None, "The key of a label."] = None
    patch: Annotated[str | None, "A merge patch, as JSON."] = None
    person: Annotated[Name | None, "Who does it."] = None
