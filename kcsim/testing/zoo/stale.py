"""Stale states: controllers that are wrong when they look at the past, after a restart or in a cache that lags.

They take what they see for the present and delete, by name, what has long been another thing.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.task import Steps
from kcsim.testing.zoo.exhibit import Exhibit, custom
from kcsim.testing.zoo.keeper import (
    BUDGETS,
    CLAIMS,
    CONFIGS,
    GROUP,
    SERVICES,
    SETS,
    Keeper,
    ordinal_of,
    wanted,
)


class Ensemble(Keeper):
    """When its object is being deleted, deletes the claims that carry its name."""

    name = "old-deletion"
    watches = f"ensembles.{GROUP}"
    fresh = False
    owns = (CLAIMS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        if objects.is_deleting(obj):
            for claim in self.children(obj, CLAIMS):
                yield from self.remove(claim)
            yield from self.let_go(obj)
            return
        current = yield from self.now(obj)
        if current is None or objects.is_deleting(current):
            return
        yield from self.hold_on(current)
        if self.child(obj, CLAIMS, objects.name(self.claim(obj, 0))) is None:
            yield from self.create(CLAIMS, self.claim(obj, 0))

    def remove(self, claim: Object) -> Steps:
        """Delete a claim."""
        yield from self.delete(CLAIMS, claim)


class EnsembleMended(Ensemble):
    """Deletes the very claims it saw, by their uids."""

    def remove(self, claim: Object) -> Steps:
        """Delete a claim."""
        yield from self.delete(CLAIMS, claim, exactly=True)


class Members(Keeper):
    """Deletes the claims above the size that its cache shows."""

    name = "old-size"
    watches = f"clusters.{GROUP}"
    owns = (CLAIMS,)
    fresh = False

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        for claim in self.children(obj, CLAIMS):
            if ordinal_of(claim) >= wanted(obj):
                yield from self.delete(CLAIMS, claim)
        for ordinal in range(wanted(obj)):
            if self.child(obj, CLAIMS, objects.name(self.claim(obj, ordinal))) is None:
                yield from self.create(CLAIMS, self.claim(obj, ordinal))


class MembersMended(Members):
    """Asks the API server for the size."""

    fresh = True


class Budget(Keeper):
    """Replaces a budget that differs: deletes it and creates it anew."""

    name = "replaced-budget"
    watches = f"quorums.{GROUP}"
    owns = (BUDGETS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        name = objects.name(obj)
        spec = {"maxUnavailable": wanted(obj, "spare"), "selector": {"matchLabels": {"app": name}}}
        body = self.owned(obj, "policy/v1", "PodDisruptionBudget", name, spec=spec)
        present = self.child(obj, BUDGETS, name)
        if present is None:
            yield from self.create(BUDGETS, body)
        elif present["spec"]["maxUnavailable"] != wanted(obj, "spare"):
            yield from self.replace(present, body)

    def replace(self, present: Object, body: Object) -> Steps:
        """Put another budget in the place of one."""
        yield from self.delete(BUDGETS, present)
        yield from self.create(BUDGETS, body)


class BudgetMended(Budget):
    """Updates it in place, unless it changed since it was cached."""

    def replace(self, present: Object, body: Object) -> Steps:
        """Put another budget in the place of one."""
        yield self.client.update(BUDGETS, {**present, "spec": body["spec"]})


class Proxy(Keeper):
    """Deletes an optional StatefulSet when its cache shows the option switched off."""

    name = "old-switch"
    watches = f"shards.{GROUP}"
    owns = (SETS,)
    fresh = False

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        name = f"{objects.name(obj)}-proxy"
        present = self.child(obj, SETS, name)
        if wanted(obj, "proxy") and present is None:
            yield from self.create(SETS, self.stateful_set(obj, name))
        elif not wanted(obj, "proxy") and present is not None:
            yield from self.delete(SETS, present)


class ProxyMended(Proxy):
    """Asks the API server whether it is switched off."""

    fresh = True


class Console(Keeper):
    """Creates an optional Service when its cache shows the option switched on, long after it was switched off."""

    name = "old-service"
    watches = f"universes.{GROUP}"
    owns = (SERVICES,)
    fresh = False

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        name = f"{objects.name(obj)}-ui"
        present = self.child(obj, SERVICES, name)
        if wanted(obj, "ui") and present is None:
            yield from self.create(SERVICES, self.service(obj, name))
        elif not wanted(obj, "ui") and present is not None:
            yield from self.delete(SERVICES, present, exactly=True)


class ConsoleMended(Console):
    """Asks the API server whether it is switched on."""

    fresh = True


class Copies(Keeper):
    """Counts its children in a cache that does not show them yet, and makes up for those it misses."""

    name = "lagging-count"
    watches = f"flocks.{GROUP}"
    reads = (CONFIGS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        for number in range(len(self.children(obj, CONFIGS)), wanted(obj)):
            yield from self.copy(obj, number)

    def copy(self, obj: Object, number: int) -> Steps:
        """Create one more child."""
        del number
        body = objects.with_metadata(
            self.owned(obj, "v1", "ConfigMap", ""), name=None, generateName=f"{objects.name(obj)}-"
        )
        yield self.client.create(CONFIGS, body)


class CopiesMended(Copies):
    """Numbers its children, so that one cannot be made twice."""

    def copy(self, obj: Object, number: int) -> Steps:
        """Create one more child."""
        yield from self.create(CONFIGS, self.owned(obj, "v1", "ConfigMap", f"{objects.name(obj)}-{number}"))


EXHIBITS = (
    Exhibit(
        "old-deletion",
        "stale",
        "Ensemble",
        "sees an old deletion of its object and deletes the claims of the new one by their names",
        "deletes the claims it saw, by uid",
        "pravega/zookeeper-operator#312, instaclustr/cassandra-operator#402",
        Ensemble,
        EnsembleMended,
        (
            ("5s", custom("Ensemble")),
            ("1m", "delete ensemble db --wait=false"),
            ("2m", custom("Ensemble")),
        ),
        "restart at 5m into revision 37 for 30s",
    ),
    Exhibit(
        "old-size",
        "stale",
        "Cluster",
        "sees an old, smaller size and deletes claims that are in use again",
        "asks for the size before it deletes",
        "pravega/zookeeper-operator#314, instaclustr/cassandra-operator#407",
        Members,
        MembersMended,
        (
            ("5s", custom("Cluster", replicas=2)),
            ("1m", custom("Cluster", replicas=1)),
            ("2m", custom("Cluster", replicas=2)),
        ),
        "restart at 5m into revision 37 for 30s",
    ),
    Exhibit(
        "replaced-budget",
        "stale",
        "Quorum",
        "replaces a budget that an old view shows as outdated",
        "updates it, by its resourceVersion",
        "Orange-OpenSource/casskop#321",
        Budget,
        BudgetMended,
        (("5s", custom("Quorum", spare=1)), ("1m", custom("Quorum", spare=2))),
        "restart at 5m into revision 36 for 30s",
    ),
    Exhibit(
        "old-switch",
        "stale",
        "Shard",
        "sees an option switched off that is on again, and deletes what belongs to it",
        "asks before it deletes",
        "K8SPSMDB-433, K8SPSMDB-438, K8SPXC-725, K8SPXC-763",
        Proxy,
        ProxyMended,
        (
            ("5s", custom("Shard", proxy=True)),
            ("1m", custom("Shard", proxy=False)),
            ("2m", custom("Shard", proxy=True)),
        ),
        "restart at 5m into revision 36 for 30s",
    ),
    Exhibit(
        "old-service",
        "stale",
        "Universe",
        "sees an option switched on that is off again, and creates what belongs to it",
        "asks before it creates",
        "yugabyte/yugabyte-operator#36",
        Console,
        ConsoleMended,
        (("5s", custom("Universe", ui=True)), ("1m", custom("Universe", ui=False))),
        "restart at 5m into revision 34 for 30s",
    ),
    Exhibit(
        "lagging-count",
        "stale",
        "Flock",
        "counts children in a cache that lags behind its own writes",
        "gives children names that cannot be given twice",
        "the class",
        Copies,
        CopiesMended,
        (("5s", custom("Flock", replicas=2)), ("30s", custom("Flock", replicas=2, note="hello"))),
        "hold configmaps from 5.1737s for 35s",
    ),
)
