"""Unobserved states: controllers that are wrong when a state comes and goes while they do not look.

They act on what happens instead of on what is: what they did not see happen is never made up for.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Key, Object
from kcsim.engine.task import Steps
from kcsim.testing.zoo.exhibit import Exhibit, custom
from kcsim.testing.zoo.keeper import CLAIMS, GROUP, PODS, SECRETS, Keeper, ordinal_of, wanted


class Racks(Keeper):
    """Deletes the claim of a pod while it watches the pod terminate."""

    name = "while-terminating"
    watches = f"racks.{GROUP}"
    owns = (PODS, CLAIMS)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        yield from self.clean(obj)
        for pod in self.children(obj, PODS):
            if ordinal_of(pod) >= wanted(obj) and not objects.is_deleting(pod):
                yield from self.delete(PODS, pod, exactly=True)
        for ordinal in range(wanted(obj)):
            claim, pod = self.claim(obj, ordinal), self.pod(obj, ordinal, gated=False)
            if self.child(obj, CLAIMS, objects.name(claim)) is None:
                yield from self.create(CLAIMS, claim)
            if self.child(obj, PODS, objects.name(pod)) is None:
                yield from self.create(PODS, pod)

    def clean(self, obj: Object) -> Steps:
        """Delete the claims of members that are gone."""
        for pod in self.children(obj, PODS):
            if objects.is_deleting(pod) and ordinal_of(pod) >= wanted(obj):
                yield from self.delete(CLAIMS, self.claim(obj, ordinal_of(pod)))


class RacksMended(Racks):
    """Deletes the claims that no member needs, whenever it looks."""

    def clean(self, obj: Object) -> Steps:
        """Delete the claims of members that are gone."""
        for claim in self.children(obj, CLAIMS):
            if ordinal_of(claim) >= wanted(obj) and not objects.is_deleting(claim):
                yield from self.delete(CLAIMS, claim, exactly=True)


class OnlyUp(Keeper):
    """Adds members, and never takes one away: how many there are is how many were ever wanted while it looked."""

    name = "only-up"
    watches = f"brokers.{GROUP}"
    owns = (PODS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        yield from self.shrink(obj)
        for ordinal in range(wanted(obj)):
            if self.child(obj, PODS, f"{objects.name(obj)}-{ordinal}") is None:
                yield from self.create(PODS, self.pod(obj, ordinal))

    def shrink(self, obj: Object) -> Steps:
        """Take away the members above the size."""
        del obj
        return
        yield


class OnlyUpMended(OnlyUp):
    """Scales both ways."""

    def shrink(self, obj: Object) -> Steps:
        """Take away the members above the size."""
        for pod in self.children(obj, PODS):
            if ordinal_of(pod) >= wanted(obj) and not objects.is_deleting(pod):
                yield from self.delete(PODS, pod, exactly=True)


class Claims(Keeper):
    """Scales pods both ways, and leaves behind the claim of every member there ever was while it looked."""

    name = "claims-of-the-past"
    watches = f"galeras.{GROUP}"
    owns = (PODS, CLAIMS)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        size = wanted(obj)
        for pod in self.children(obj, PODS):
            if ordinal_of(pod) >= size and not objects.is_deleting(pod):
                yield from self.delete(PODS, pod, exactly=True)
        yield from self.clean(obj, size)
        for ordinal in range(size):
            claim, pod = self.claim(obj, ordinal), self.pod(obj, ordinal)
            if self.child(obj, CLAIMS, objects.name(claim)) is None:
                yield from self.create(CLAIMS, claim)
            if self.child(obj, PODS, objects.name(pod)) is None:
                yield from self.create(PODS, pod)

    def clean(self, obj: Object, size: int) -> Steps:
        """Delete the claims of members that are gone."""
        del obj, size
        return
        yield


class ClaimsMended(Claims):
    """Keeps as many claims as members."""

    def clean(self, obj: Object, size: int) -> Steps:
        """Delete the claims of members that are gone."""
        for claim in self.children(obj, CLAIMS):
            if ordinal_of(claim) >= size and not objects.is_deleting(claim):
                yield from self.delete(CLAIMS, claim, exactly=True)


class Password(Keeper):
    """Deletes the secret of an object that it saw go; a new object of that name finds the old secret otherwise."""

    name = "unseen-recreation"
    watches = f"accounts.{GROUP}"
    owns = (SECRETS,)

    def tend(self, obj: Object) -> Steps:
        """Bring what belongs to the object where the object wants it."""
        present = self.child(obj, SECRETS, objects.name(obj))
        if present is not None:
            yield from self.check(obj, present)
            return
        labels = {"of": objects.uid(obj)}
        body = self.thing(obj, "v1", "Secret", objects.name(obj), data={"key": wanted(obj, "key")})
        yield from self.create(
            SECRETS, objects.with_metadata(body, labels={**objects.labels(body), **labels})
        )

    def gone(self, key: Key) -> Steps:
        """Clean up after an object that does not exist any more."""
        present = self.caches[SECRETS].get(*key)
        if present is not None:
            yield from self.delete(SECRETS, present, exactly=True)

    def check(self, obj: Object, present: Object) -> Steps:
        """Look at what is there already."""
        del obj, present
        return
        yield


class PasswordMended(Password):
    """Knows its secrets by the uid of the object they were made for."""

    def check(self, obj: Object, present: Object) -> Steps:
        """Look at what is there already."""
        if objects.labels(present).get("of") != objects.uid(obj) and not objects.is_deleting(present):
            yield from self.delete(SECRETS, present, exactly=True)


EXHIBITS = (
    Exhibit(
        "while-terminating",
        "unobserved",
        "Rack",
        "deletes a claim only while it watches the pod terminate",
        "deletes every claim that no member needs",
        "instaclustr/cassandra-operator#398",
        Racks,
        RacksMended,
        (("5s", custom("Rack", replicas=2)), ("1m", custom("Rack", replicas=1))),
        "drop changes 1-3 of pods default/db-1 from 1m for 4s",
        builtin=("*",),
    ),
    Exhibit(
        "only-up",
        "unobserved",
        "Broker",
        "never scales down, so that the end depends on which sizes it saw",
        "scales both ways",
        "rabbitmq/cluster-operator#758, yugabyte/yugabyte-operator#39",
        OnlyUp,
        OnlyUpMended,
        (
            ("5s", custom("Broker", replicas=1)),
            ("1m", custom("Broker", replicas=3)),
            ("2m", custom("Broker", replicas=2)),
        ),
        "drop change 1 of brokers default/db from 1m for 1m2s",
    ),
    Exhibit(
        "claims-of-the-past",
        "unobserved",
        "Galera",
        "leaves the claims of members behind, so that the end depends on which sizes it saw",
        "keeps as many claims as members",
        "K8SPXC-918, K8SPSMDB-585",
        Claims,
        ClaimsMended,
        (
            ("5s", custom("Galera", replicas=1)),
            ("1m", custom("Galera", replicas=2)),
            ("2m", custom("Galera", replicas=1)),
        ),
        "drop change 1 of galeras default/db from 1m for 1m2s",
    ),
    Exhibit(
        "unseen-recreation",
        "unobserved",
        "Account",
        "cleans up when it sees its object go, and takes a new one of that name for the old",
        "compares uids",
        "the class",
        Password,
        PasswordMended,
        (
            ("5s", custom("Account", key="YQ==")),
            ("1m", "delete account db"),
            ("2m", custom("Account", key="Yg==")),
        ),
        "drop change 1 of accounts default/db from 1m for 1m2s",
    ),
)
