"""Creating, mending and deleting the pods and claims of a StatefulSet, each with its event.

**Imitates:** ``pkg/controller/statefulset/stateful_pod_control.go`` (v1.36), with the event texts that a recorded
1.36.2 writes (verbs with a capital).
**May:** write pods and claims through the client it is given; keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.informer import Informer
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.statefulset import claims as retention
from kcsim.cluster.controllers.statefulset.identity import (
    claims_of,
    identity_matches,
    ordinal_of,
    storage_matches,
    with_identity,
    with_storage,
)
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]
Event = Callable[[Object, str, str, str], None]


class ClaimsFailed(Exception):
    """Some claims of a pod could not be created."""


class PodControl:
    """What a sync may do to one pod."""

    def __init__(self, client: Client, pods: Informer, claims: Informer, event: Event) -> None:
        self._client = client
        self._pods = pods
        self._claims = claims
        self._event = event

    # --- pods ---------------------------------------------------------------------------------------------------

    def create(self, stateful_set: Object, pod: Object) -> Steps:
        """The claims first, then the pod."""
        try:
            yield from self._create_claims(stateful_set, pod)
            yield self._client.create("pods", pod)
        except (StatusError, ClaimsFailed) as error:
            # A pod that is there already is one the cache does not show yet: not worth an event.
            if not (isinstance(error, StatusError) and error.is_already_exists):
                self._tell("Create", stateful_set, pod, error)
            raise
        yield from self._set_owners(stateful_set, pod)
        self._tell("Create", stateful_set, pod)

    def create_missing_claims(self, stateful_set: Object, pod: Object) -> Steps:
        """The claims of a pod that waits for them."""
        yield from self._create_claims(stateful_set, pod)
        yield from self._set_owners(stateful_set, pod)

    def delete(self, stateful_set: Object, pod: Object) -> Steps:
        """Ask for the pod's end."""
        try:
            yield self._client.delete("pods", objects.namespace(pod), objects.name(pod))
        except StatusError as error:
            self._tell("Delete", stateful_set, pod, error)
            raise
        self._tell("Delete", stateful_set, pod)

    def is_settled(self, stateful_set: Object, pod: Object) -> bool:
        """Whether identity, storage and the owners of its claims are right."""
        return (
            identity_matches(stateful_set, pod)
            and storage_matches(stateful_set, pod)
            and self.claims_match(stateful_set, pod)
        )

    def settle(self, stateful_set: Object, pod: Object) -> Steps:
        """Put right what `is_settled` found wrong."""
        wanted = pod
        if not identity_matches(stateful_set, pod):
            wanted = with_identity(stateful_set, wanted)
        if not storage_matches(stateful_set, wanted):
            spec = with_storage(stateful_set, wanted["spec"], ordinal_of(wanted))
            wanted = {**wanted, "spec": spec}
            yield from self._create_claims(stateful_set, wanted)
        if not self.claims_match(stateful_set, wanted):
            yield from self._set_owners(stateful_set, wanted)
        try:
            yield self._client.update("pods", wanted)
        except StatusError as error:
            self._tell("Update", stateful_set, pod, error)
            raise
        self._tell("Update", stateful_set, pod)

    # --- claims -------------------------------------------------------------------------------------------------

    def claims_match(self, stateful_set: Object, pod: Object) -> bool:
        """Whether the owners of the pod's claims, as far as they exist, are as the retention policy says."""
        return all(
            retention.is_claim_owner_up_to_date(claim, stateful_set, pod)
            for claim in self._existing(stateful_set, pod)
        )

    def set_claim_owners(self, stateful_set: Object, pod: Object) -> Steps:
        """Write the owners that the retention policy asks for."""
        yield from self._set_owners(stateful_set, pod)

    def is_stale(self, stateful_set: Object, pod: Object) -> bool:
        """Whether a claim of an earlier pod is still there, so that the new pod must wait for its end."""
        return any(retention.is_stale(c, stateful_set, pod) for c in self._existing(stateful_set, pod))

    def _existing(self, stateful_set: Object, pod: Object) -> list[Object]:
        found = (self._claims.get(*objects.key(c)) for c in claims_of(stateful_set, ordinal_of(pod)))
        return [claim for claim in found if claim is not None]

    def _create_claims(self, stateful_set: Object, pod: Object) -> Steps:
        failures = []
        for claim in claims_of(stateful_set, ordinal_of(pod)):
            known = self._claims.get(*objects.key(claim))
            name = objects.name(claim)
            if known is not None:
                if objects.is_deleting(known):
                    failures.append(f"pvc {name} is being deleted")
                continue
            try:
                yield self._client.create("persistentvolumeclaims", claim)
            except StatusError as error:
                failures.append(f"failed to create PVC {name}: {error}")
                if not error.is_already_exists:
                    self._tell_claim(stateful_set, pod, claim, error)
                continue
            self._tell_claim(stateful_set, pod, claim, None)
        if failures:
            raise ClaimsFailed(failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]")

    def _set_owners(self, stateful_set: Object, pod: Object) -> Steps:
        for claim in self._existing(stateful_set, pod):
            if retention.is_claim_owner_up_to_date(claim, stateful_set, pod):
                continue
            owned = retention.with_claim_owners(claim, stateful_set, pod)
            try:
                yield self._client.update("persistentvolumeclaims", owned)
            except StatusError as error:
                text = f"Could not update claim {objects.name(claim)} for delete policy ownerRefs: {error}"
                self._tell("Update", stateful_set, pod, text)
                raise

    # --- events -------------------------------------------------------------------------------------------------

    def _tell(self, verb: str, stateful_set: Object, pod: Object, error: object = None) -> None:
        about = f"{verb} Pod {objects.name(pod)} in StatefulSet {objects.name(stateful_set)}"
        if error is None:
            self._event(stateful_set, "Normal", f"Successful{verb}", f"{about} successful")
        else:
            self._event(stateful_set, "Warning", f"Failed{verb}", f"{about} failed error: {error}")

    def _tell_claim(self, stateful_set: Object, pod: Object, claim: Object, error: object) -> None:
        name, of = objects.name(claim), f"Pod {objects.name(pod)} in StatefulSet {objects.name(stateful_set)}"
        if error is None:
            self._event(stateful_set, "Normal", "SuccessfulCreate", f"Create Claim {name} {of} success")
        else:
            text = f"Create Claim {name} for {of} failed error: {error}"
            self._event(stateful_set, "Warning", "FailedCreate", text)
