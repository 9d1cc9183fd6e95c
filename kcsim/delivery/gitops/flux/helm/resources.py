"""The objects of a release in the cluster: applied, deleted, waited for.

**Imitates:** helm 4 pkg/kube/client.go with server-side apply, whose field manager is helm-controller and which always forces
conflicts; helm-controller 1.6 internal/action/wait.go (kstatus, polled). The error texts are Helm's.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object, with_annotations, with_labels
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.ssa.drift import normalised, subject
from kcsim.delivery.gitops.flux.ssa.manager import Manager, WaitError
from kcsim.delivery.gitops.inventory import ref_of
from kcsim.engine.clock import SECOND

CONTROLLER = "helm-controller"
MANAGED_BY, HELM = "app.kubernetes.io/managed-by", "Helm"
RELEASE_NAME, RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
POLL, POLL_GONE = 5 * SECOND, 2 * SECOND


class ActionFailed(Exception):
    """An action of Helm's failed; the text is what conditions show."""


def owned(obj: Object, name: str, namespace: str) -> Object:
    """An object with what says which release it belongs to."""
    new = with_labels(obj, {MANAGED_BY: HELM})
    return with_annotations(new, {RELEASE_NAME: name, RELEASE_NAMESPACE: namespace})


class Objects:
    """The objects of one release, through one client; those without a namespace are in ``namespace``."""

    def __init__(self, component: Component, client: Client, namespace: str) -> None:
        self.engine = component.engine
        self.client = client
        self._namespace = namespace
        self._manager = Manager(component, client)

    def resource(self, obj: Mapping[str, Any]) -> Resource:
        """The resource of an object.

        Raises:
            ActionFailed: the server does not serve its kind.
        """
        found = self.client.endpoint.server.catalog.of(obj)
        if found is None:
            metadata = obj.get("metadata") or {}
            where = f'name: "{metadata.get("name", "")}" namespace: "{metadata.get("namespace", "")}" from ""'
            what = f'no matches for kind "{obj.get("kind")}" in version "{obj.get("apiVersion")}"'
            raise ActionFailed(
                f"resource mapping not found for {where}: {what}\nensure CRDs are installed first"
            )
        return found

    def placed(self, obj: Object) -> Object:
        """An object with its namespace, as it is applied. Raises as ``resource``."""
        metadata = obj.get("metadata") or {}
        namespaced = self.resource(obj).namespaced
        if namespaced and not metadata.get("namespace"):
            obj = {**obj, "metadata": {**metadata, "namespace": self._namespace}}
        return normalised(obj)

    def _at(self, obj: Object) -> tuple[Resource, str, str]:
        resource = self.resource(obj)
        return resource, objects.namespace(obj) if resource.namespaced else "", objects.name(obj)

    def read(self, obj: Object) -> Generator[Any, Any, Object | None]:
        """The live object; None where there is none.

        Raises:
            StatusError: any answer but success and 404.
        """
        return (yield from self._manager.read(obj))

    def patch(self, obj: Object, body: Any, *, type: str = "apply", dry_run: bool = False) -> Any:
        """A patch of an object, to be waited for."""
        resource, namespace, name = self._at(obj)
        applies = type == "apply"
        return self.client.patch(
            resource,
            namespace,
            name,
            body,
            type=type,
            field_manager=CONTROLLER,
            dry_run=dry_run,
            force=applies,
        )

    def apply(self, obj: Object) -> Generator[Any, Any, None]:
        """Apply an object.

        Raises:
            ActionFailed: the server refuses it.
        """
        try:
            yield self.patch(obj, obj)
        except StatusError as error:
            group, _, version = str(obj["apiVersion"]).rpartition("/")
            kind = f"{group}/{version}, Kind={obj['kind']}"
            space = objects.namespace(obj)
            where = f"{space}/{objects.name(obj)} {kind}"
            raise ActionFailed(f"server-side apply failed for object {where}: {error.message}") from error

    def delete(self, obj: Object, propagation: str = "Background") -> Generator[Any, Any, bool]:
        """Delete an object; whether there was one.

        Raises:
            ActionFailed: the server refuses.
        """
        try:
            yield self.client.delete(*self._at(obj), propagation=propagation)
        except StatusError as error:
            if error.is_not_found:
                return False
            raise ActionFailed(error.message) from error
        return True

    def wait(
        self,
        made: Sequence[Object],
        timeout: int,
        *,
        checks: Mapping[tuple[str, str], Any],
        fail_fast: bool = True,
    ) -> Generator[Any, Any, None]:
        """Wait until the objects are Current; Deployments that are paused are not waited for.

        Raises:
            ActionFailed: naming those that are not in time, or of which one has failed.
        """
        chosen = [
            o
            for o in made
            if not (o.get("kind") == "Deployment" and objects.get_in(o, ("spec", "paused"), False))
        ]
        ttl = [
            o for o in chosen if o.get("kind") == "Job" and "ttlSecondsAfterFinished" in (o.get("spec") or {})
        ]
        try:
            yield from self._manager.wait(
                [ref_of(obj) for obj in chosen],
                POLL,
                timeout,
                fail_fast=fail_fast,
                gone_is_fine=frozenset(ref_of(obj).id for obj in ttl),
                checks=checks,
            )
        except WaitError as error:
            raise ActionFailed(str(error)) from error

    def wait_gone(self, made: Sequence[Object], timeout: int) -> Generator[Any, Any, None]:
        """Wait until none of the objects exists any more.

        Raises:
            ActionFailed: one still does when time is up.
        """
        until = self.engine.now + timeout
        for obj in made:
            left = max(until - self.engine.now, 0)
            if not (yield from self._manager.wait_for_termination([ref_of(obj)], POLL_GONE, left)):
                raise ActionFailed(f"{subject(obj)} termination timeout: context deadline exceeded")
