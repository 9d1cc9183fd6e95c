"""Indirect defects: mistakes of another kind, which only a perturbed run brings to light."""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.kit.queue import Result
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Steps
from kcsim.testing.zoo.exhibit import Exhibit, custom
from kcsim.testing.zoo.keeper import CONFIGS, GROUP, PODS, SERVICES, Keeper, wanted


class Endpoint(Keeper):
    """Reads a field of a Service that it created a while ago, without asking whether its cache has it."""

    name = "nil-service"
    watches = f"routers.{GROUP}"
    owns = (CONFIGS,)
    reads = (SERVICES,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        name = objects.name(obj)
        if not (obj.get("status") or {}).get("asked"):
            yield from self.create(SERVICES, self.service(obj, name))
            yield from self.report(obj, {"asked": True})
            return None
        if not obj["status"].get("waited"):
            yield from self.report(obj, {"waited": True})
            return Result(requeue_after=5 * SECOND)
        if self.child(obj, CONFIGS, name) is None:
            return (yield from self.publish(obj, self.child(obj, SERVICES, name)))
        return None

    def publish(self, obj: Object, service: Object | None) -> Steps:
        """Write down the Service's port."""
        port = service["spec"]["ports"][0]["port"]  # type: ignore[index]
        yield from self.create(
            CONFIGS, self.owned(obj, "v1", "ConfigMap", objects.name(obj), data={"port": str(port)})
        )


class EndpointMended(Endpoint):
    """Comes back when the cache does not have it."""

    def publish(self, obj: Object, service: Object | None) -> Steps:
        """Write down the Service's port."""
        if service is None:
            return Result(requeue_after=5 * SECOND)
        return (yield from super().publish(obj, service))


class Remake(Keeper):
    """Makes sure that its children exist, even while its object is being deleted."""

    name = "remade-while-deleted"
    watches = f"zoos.{GROUP}"
    reads = (CONFIGS, SERVICES)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        if self.may_make(obj):
            yield from self.hold_on(obj)
            yield from self.make(obj)
        if objects.is_deleting(obj):
            for word, child in self.parts(obj):
                yield from self.delete(word, child)
            yield from self.let_go(obj)

    def may_make(self, obj: Object) -> bool:
        """Whether children are to be made."""
        del obj
        return True

    def make(self, obj: Object) -> Steps:
        """Create the children that are missing."""
        for word, child in self.parts(obj):
            if self.child(obj, word, objects.name(child)) is None:
                yield from self.create(word, child)

    def parts(self, obj: Object) -> tuple[tuple[str, Object], ...]:
        """(kind, child) for each child there should be."""
        name = objects.name(obj)
        return (CONFIGS, self.thing(obj, "v1", "ConfigMap", name)), (SERVICES, self.service(obj, name))


class RemakeMended(Remake):
    """Makes nothing for what is being deleted."""

    def may_make(self, obj: Object) -> bool:
        """Whether children are to be made."""
        return not objects.is_deleting(obj)


class Decommission(Keeper):
    """Takes a member out of service, and deletes it ten seconds later; who is needed again by then stays out."""

    name = "decommissioned-for-ever"
    watches = f"seeds.{GROUP}"
    owns = (PODS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        size = wanted(obj)
        last = self.child(obj, PODS, f"{objects.name(obj)}-{size}")
        if last is not None and not objects.is_deleting(last):
            return (yield from self.take_out(last))
        for ordinal in range(size):
            pod = self.child(obj, PODS, f"{objects.name(obj)}-{ordinal}")
            if pod is None:
                yield from self.create(PODS, self.pod(obj, ordinal))
            else:
                yield from self.check(pod)
        return None

    def take_out(self, pod: Object) -> Steps:
        """Take a member out of service, and delete it later."""
        since = objects.annotations(pod).get("out")
        now = self.component.engine.now // SECOND
        if since is None:
            metadata = {"annotations": {"out": str(now)}, "labels": {"mode": "out"}}
            yield self.client.patch(PODS, *objects.key(pod), {"metadata": metadata})
            return Result(requeue_after=10 * SECOND)
        if now - int(since) < 10:
            return Result(requeue_after=10 * SECOND)
        yield from self.delete(PODS, pod, exactly=True)
        return None

    def check(self, pod: Object) -> Steps:
        """Look at what is there already."""
        del pod
        return
        yield


class DecommissionMended(Decommission):
    """Takes it into service again."""

    def check(self, pod: Object) -> Steps:
        """Look at what is there already."""
        if objects.labels(pod).get("mode") == "out":
            metadata = {"annotations": {"out": None}, "labels": {"mode": None}}
            yield self.client.patch(PODS, *objects.key(pod), {"metadata": metadata})


class Swallow(Keeper):
    """Updates a child from its cache, and takes a conflict for done."""

    name = "swallowed-conflict"
    watches = f"tunings.{GROUP}"
    reads = (CONFIGS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        name, level = objects.name(obj), wanted(obj, "level")
        present = self.child(obj, CONFIGS, name)
        if present is None:
            yield from self.create(CONFIGS, self.owned(obj, "v1", "ConfigMap", name, data={"level": level}))
        elif present["data"]["level"] != level:
            try:
                yield self.client.update(CONFIGS, {**present, "data": {"level": level}})
            except StatusError as error:
                self.refused(error)

    def refused(self, error: StatusError) -> None:
        """An update was answered with a conflict."""
        del error


class SwallowMended(Swallow):
    """Fails, so that the object comes back."""

    def refused(self, error: StatusError) -> None:
        """An update was answered with a conflict."""
        raise error


EXHIBITS = (
    Exhibit(
        "nil-service",
        "indirect",
        "Router",
        "reads a field of an object that its cache may not have",
        "comes back later",
        "K8SPSMDB-434",
        Endpoint,
        EndpointMended,
        (("5s", custom("Router")),),
        "hold services from 5.071436s for 30s",
    ),
    Exhibit(
        "remade-while-deleted",
        "indirect",
        "Zoo",
        "creates children for an object that is being deleted",
        "creates nothing then",
        "pravega/zookeeper-operator#410, K8SPSMDB-590",
        Remake,
        RemakeMended,
        (("5s", custom("Zoo")), ("1m", "delete zoo db --wait=false")),
        "crash after write 5",
    ),
    Exhibit(
        "decommissioned-for-ever",
        "indirect",
        "Seed",
        "forgets a member that it took out of service when the size goes back",
        "takes it into service again",
        "instaclustr/cassandra-operator#410",
        Decommission,
        DecommissionMended,
        (
            ("5s", custom("Seed", replicas=2)),
            ("1m", custom("Seed", replicas=1)),
            ("2m", custom("Seed", replicas=2)),
        ),
        "hold seeds from 1m0.050497s for 58s",
    ),
    Exhibit(
        "swallowed-conflict",
        "indirect",
        "Tuning",
        "takes a conflict for done",
        "fails and comes back",
        "the class",
        Swallow,
        SwallowMended,
        (
            ("5s", custom("Tuning", level="1")),
            ("40s", custom("Tuning", level="2")),
            ("1m", custom("Tuning", level="3")),
        ),
        "drop change 1 of configmaps default/db from 40s for 22s",
    ),
)
