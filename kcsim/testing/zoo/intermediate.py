"""Intermediate states: controllers that are wrong when their process dies between two of their writes.

Each decides by something that it writes early, and takes it for proof that what follows was done as well.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.kit.queue import Result
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Steps
from kcsim.testing.zoo.exhibit import Exhibit, custom
from kcsim.testing.zoo.keeper import (
    CLAIMS,
    CONFIGS,
    DISKS,
    GROUP,
    PODS,
    SECRETS,
    SERVICES,
    SETS,
    Keeper,
    ordinal_of,
    wanted,
)


class Expansion(Keeper):
    """Grows disks: deletes the StatefulSet, whose template cannot change, grows the disk, makes the set anew."""

    name = "claim-expansion"
    watches = f"queues.{GROUP}"
    owns = (SETS, DISKS)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        name, size = objects.name(obj), wanted(obj, "storage")
        disk = self.owned(obj, f"{GROUP}/v1", "Disk", name, spec={"size": size})
        present = self.child(obj, SETS, name)
        if self.child(obj, DISKS, name) is None:
            yield from self.create(DISKS, disk)
        if present is not None and self.must_grow(obj, present):
            yield from self.delete(SETS, present, exactly=True)
            yield from self.grow(obj, disk)
            present = None
        if present is None:
            yield from self.create(SETS, self.stateful_set(obj, name, size))

    def must_grow(self, obj: Object, present: Object) -> bool:
        """Whether the volume is smaller than wanted."""
        template = present["spec"]["volumeClaimTemplates"][0]["spec"]
        return bool(template["resources"]["requests"]["storage"] != wanted(obj, "storage"))

    def grow(self, obj: Object, disk: Object) -> Steps:
        """Set the volume's size."""
        yield self.client.patch(DISKS, *objects.key(disk), {"spec": {"size": wanted(obj, "storage")}})


class ExpansionMended(Expansion):
    """Looks at the disk itself, whatever became of the set."""

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        present = self.child(obj, DISKS, objects.name(obj))
        if present is not None and present["spec"]["size"] != wanted(obj, "storage"):
            yield from self.grow(obj, present)
        yield from super().tend(obj)


class Certificates(Keeper):
    """Makes two secrets, and takes the first for both."""

    name = "two-secrets"
    watches = f"databases.{GROUP}"
    owns = (SECRETS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        for name in self.missing(obj):
            data = {"issued": "yes"}
            yield from self.create(SECRETS, self.owned(obj, "v1", "Secret", name, stringData=data))

    def missing(self, obj: Object) -> list[str]:
        """Names of the secrets that are to be made."""
        first = f"{objects.name(obj)}-ssl"
        return [] if self.child(obj, SECRETS, first) is not None else [first, f"{first}-internal"]


class CertificatesMended(Certificates):
    """Looks for each."""

    def missing(self, obj: Object) -> list[str]:
        """Names of the secrets that are to be made."""
        first = f"{objects.name(obj)}-ssl"
        return [name for name in (first, f"{first}-internal") if self.child(obj, SECRETS, name) is None]


class Preparation(Keeper):
    """Creates a claim and then what prepares it; later it checks of the claim only its size."""

    name = "unprepared-claim"
    watches = f"stores.{GROUP}"
    owns = (CLAIMS, CONFIGS)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        claim = self.claim(obj, 0)
        present = self.child(obj, CLAIMS, objects.name(claim))
        if present is not None and present["spec"]["resources"] == claim["spec"]["resources"]:
            yield from self.sized(obj)
            return
        yield from self.create(CLAIMS, claim)
        yield from self.prepare(obj)

    def sized(self, obj: Object) -> Steps:
        """The claim is there, and of the right size."""
        yield from self.report(obj, {"phase": "Ready"})

    def prepare(self, obj: Object) -> Steps:
        """Make what prepares the claim."""
        data = {"format": "xfs"}
        yield from self.create(
            CONFIGS, self.owned(obj, "v1", "ConfigMap", f"{objects.name(obj)}-layout", data=data)
        )


class PreparationMended(Preparation):
    """Prepares whatever is not prepared."""

    def sized(self, obj: Object) -> Steps:
        """The claim is there, and of the right size."""
        if self.child(obj, CONFIGS, f"{objects.name(obj)}-layout") is None:
            yield from self.prepare(obj)
        yield from super().sized(obj)


class ScaleDown(Keeper):
    """Notes the new size in its status, and then deletes the claims between the old size and the new."""

    name = "status-first"
    watches = f"rings.{GROUP}"
    owns = (CLAIMS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        size, before = wanted(obj), (obj.get("status") or {}).get("size", 0)
        yield from self.report(obj, {"size": size})
        yield from self.drop(obj, size, before)
        yield from self.fill(obj, size)

    def fill(self, obj: Object, size: int) -> Steps:
        """Create the claims that are missing."""
        for ordinal in range(size):
            claim = self.claim(obj, ordinal)
            if self.child(obj, CLAIMS, objects.name(claim)) is None:
                yield from self.create(CLAIMS, claim)

    def drop(self, obj: Object, size: int, before: int) -> Steps:
        """Delete the claims between the new size and the old one."""
        for ordinal in range(size, before):
            yield from self.delete(CLAIMS, self.claim(obj, ordinal))


class ScaleDownMended(ScaleDown):
    """Deletes what is there and too much, and tells the size last."""

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        size = wanted(obj)
        for claim in self.children(obj, CLAIMS):
            if ordinal_of(claim) >= size and not objects.is_deleting(claim):
                yield from self.delete(CLAIMS, claim, exactly=True)
        yield from self.fill(obj, size)
        yield from self.report(obj, {"size": size})


class Restart(Keeper):
    """Writes the new configuration, then deletes the pod that runs with the old one."""

    name = "restart-after-config"
    watches = f"flows.{GROUP}"
    owns = (CONFIGS, PODS)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        level, name = wanted(obj, "level"), f"{objects.name(obj)}-config"
        config = self.child(obj, CONFIGS, name)
        pod = self.child(obj, PODS, f"{objects.name(obj)}-0")
        if config is None:
            body = self.owned(obj, "v1", "ConfigMap", name, data={"level": level})
            yield from self.create(CONFIGS, body)
        elif config["data"]["level"] != level:
            yield self.client.patch(CONFIGS, *objects.key(config), {"data": {"level": level}})
            yield from self.changed(pod)
            return
        yield from self.run(obj, pod, level)

    def changed(self, pod: Object | None) -> Steps:
        """The configuration is another one now."""
        if pod is not None:
            yield from self.delete(PODS, pod, exactly=True)

    def run(self, obj: Object, pod: Object | None, level: str) -> Steps:
        """Start the pod that is missing."""
        if pod is None:
            yield from self.create(
                PODS, objects.with_metadata(self.pod(obj, 0), annotations={"config-level": level})
            )


class RestartMended(Restart):
    """Restarts a pod by what it was started with."""

    def changed(self, pod: Object | None) -> Steps:
        """The change of the configuration brings it back here."""
        del pod
        return
        yield

    def run(self, obj: Object, pod: Object | None, level: str) -> Steps:
        """Start the pod that is missing."""
        if pod is None:
            yield from super().run(obj, pod, level)
        elif objects.annotations(pod)["config-level"] != level and not objects.is_deleting(pod):
            yield from self.delete(PODS, pod, exactly=True)


class Ticket(Keeper):
    """Has the server make up a name, and writes it down afterwards."""

    name = "generated-name"
    watches = f"gates.{GROUP}"

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        if not (obj.get("status") or {}).get("ticket"):
            made = yield from self.issue(obj)
            yield from self.report(obj, {"ticket": objects.name(made)})

    def issue(self, obj: Object) -> Steps:
        """Create the ticket."""
        body = self.owned(obj, "v1", "ConfigMap", "", data={"ticket": "yes"})
        body = objects.with_metadata(body, name=None, generateName=f"{objects.name(obj)}-")
        return (yield self.client.create(CONFIGS, body))


class TicketMended(Ticket):
    """Gives the child a name that follows from its owner's."""

    def issue(self, obj: Object) -> Steps:
        """Create the ticket."""
        body = self.owned(obj, "v1", "ConfigMap", f"{objects.name(obj)}-ticket", data={"ticket": "yes"})
        yield from self.create(CONFIGS, body)
        return body


class Farewell(Keeper):
    """Lets its object go, and then deletes the disk that nobody else knows of."""

    name = "finalizer-first"
    watches = f"vaults.{GROUP}"
    owns = (DISKS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        disk = self.thing(obj, f"{GROUP}/v1", "Disk", objects.name(obj), spec={"size": "1Gi"})
        if objects.is_deleting(obj):
            yield from self.part(obj, disk)
            return
        yield from self.hold_on(obj)
        if self.child(obj, DISKS, objects.name(obj)) is None:
            yield from self.create(DISKS, disk)

    def part(self, obj: Object, disk: Object) -> Steps:
        """Clean up after the object, and let it go."""
        yield from self.let_go(obj)
        yield from self.delete(DISKS, disk)


class FarewellMended(Farewell):
    """Cleans up first."""

    def part(self, obj: Object, disk: Object) -> Steps:
        """Clean up after the object, and let it go."""
        yield from self.delete(DISKS, disk)
        yield from self.let_go(obj)


class Starting(Keeper):
    """Labels a member as starting, and then orders its start; a member that is starting is waited for."""

    name = "starting-for-ever"
    watches = f"datacenters.{GROUP}"
    owns = (PODS, SERVICES)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        pod = self.child(obj, PODS, f"{objects.name(obj)}-0")
        if pod is None:
            yield from self.create(PODS, self.pod(obj, 0))
            return None
        if objects.labels(pod).get("node-state") == "Starting":
            return (yield from self.wait(obj))
        yield self.client.patch(PODS, *objects.key(pod), {"metadata": {"labels": {"node-state": "Starting"}}})
        yield from self.order(obj)
        return None

    def wait(self, obj: Object) -> Steps:
        """Somebody ordered the start, surely."""
        yield from self.report(obj, {"phase": "Starting"})

    def order(self, obj: Object) -> Steps:
        """Order the start."""
        yield from self.create(SERVICES, self.service(obj, f"{objects.name(obj)}-start"))


class StartingMended(Starting):
    """Orders the start again while there is no sign of it."""

    def wait(self, obj: Object) -> Steps:
        """A start is under way."""
        if self.child(obj, SERVICES, f"{objects.name(obj)}-start") is None:
            yield from self.order(obj)
            return Result(requeue_after=5 * SECOND)
        yield from super().wait(obj)
        return None


EXHIBITS = (
    Exhibit(
        "claim-expansion",
        "intermediate",
        "Queue",
        "compares the wanted size with the StatefulSet, which it deletes before it grows the volume",
        "compares it with the volume",
        "rabbitmq/cluster-operator#782",
        Expansion,
        ExpansionMended,
        (("5s", custom("Queue", storage="10Gi")), ("1m", custom("Queue", storage="15Gi"))),
        "crash after write 4",
        also=("Disk",),
    ),
    Exhibit(
        "two-secrets",
        "intermediate",
        "Database",
        "takes the first of two secrets for proof that both are there",
        "looks for each",
        "K8SPSMDB-578, K8SPXC-896",
        Certificates,
        CertificatesMended,
        (("5s", custom("Database")),),
        "crash after write 1",
    ),
    Exhibit(
        "unprepared-claim",
        "intermediate",
        "Store",
        "checks of a claim only its size, not whether it was prepared",
        "checks both",
        "the class",
        Preparation,
        PreparationMended,
        (("5s", custom("Store")),),
        "crash after write 1",
    ),
    Exhibit(
        "status-first",
        "intermediate",
        "Ring",
        "reports the new size before it has deleted the claims, and finds them by the size reported before",
        "finds them by looking, and reports last",
        "Orange-OpenSource/casskop#370",
        ScaleDown,
        ScaleDownMended,
        (("5s", custom("Ring", replicas=2)), ("1m", custom("Ring", replicas=1))),
        "crash after write 6",
    ),
    Exhibit(
        "restart-after-config",
        "intermediate",
        "Flow",
        "restarts the pod only in the reconcile that changes the configuration",
        "restarts it by the configuration it was started with",
        "Orange-OpenSource/nifikop#130",
        Restart,
        RestartMended,
        (("5s", custom("Flow", level="info")), ("1m", custom("Flow", level="debug"))),
        "crash after write 3",
    ),
    Exhibit(
        "generated-name",
        "intermediate",
        "Gate",
        "creates a child under a name of the server's, and records the name afterwards",
        "derives the name from the owner's",
        "the class",
        Ticket,
        TicketMended,
        (("5s", custom("Gate")),),
        "crash after write 1",
    ),
    Exhibit(
        "finalizer-first",
        "intermediate",
        "Vault",
        "takes its finalizer off before it has cleaned up",
        "cleans up first",
        "the class",
        Farewell,
        FarewellMended,
        (("5s", custom("Vault")), ("1m", "delete vault db --wait=false")),
        "crash after write 3",
        also=("Disk",),
    ),
    Exhibit(
        "starting-for-ever",
        "intermediate",
        "Datacenter",
        "labels a member as starting before it orders the start, and waits for what is labelled so",
        "orders again what shows no sign of it",
        "the class",
        Starting,
        StartingMended,
        (("5s", custom("Datacenter")),),
        "crash after write 2",
    ),
)
