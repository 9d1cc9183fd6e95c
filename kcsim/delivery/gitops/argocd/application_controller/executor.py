"""What a pass over a sync asks for, carried out with a client.

**Imitates:** gitops-engine pkg/utils/kube/resource_ops.go (ApplyResource, ReplaceResource, CreateResource,
UpdateResource, cleanKubectlOutput), ctl.go (DeleteResource) and the wait for a CRD in sync_context.go: kubectl's own
code with the manager argocd-controller. Left out: ``kubectl auth reconcile`` before the apply of RBAC objects, so a
changed roleRef is refused by the server instead of being deleted and made again.

**Walk:** a group of actions -> as many at once as --kubectl-parallelism-limit lets -> an ``Outcome`` for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import resources
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.delivery.gitops.argocd.sync.operation import Action, Outcome
from kcsim.delivery.gitops.argocd.sync.settings import Command
from kcsim.delivery.gitops.flux.ssa.pool import Pool
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.engine.task import Sleep, Steps
from kcsim.kubectl.apply import client_side, server_side, wait_gone
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session, named
from kcsim.kubectl.targets import Target, Written

CRD_POLL, CRD_WAIT = 100 * MILLISECOND, 3 * SECOND
_CONFLICTS = 5
_NOISE = re.compile(
    r'^(?:error: )?(?:Error from server(?: \(\w+\))?: )?(?:(?:error validating|error when \w+) "[^"]*": )?',
    re.DOTALL,
)

Find = Callable[[Object], Resource | None]


class Executor:
    """A client of one destination cluster that does what syncs ask for.

    `denial`: why the controller may not be who the client is; the server says so of each request. "" when it may.
    """

    def __init__(self, component: Component, client: Client, width: int, denial: str = "") -> None:
        self._component = component
        self._client = client
        self._width = width
        self._denial = denial

    def perform(self, group: Sequence[Action]) -> Generator[Any, Any, list[Outcome]]:
        """A task's steps: all actions of a group, side by side."""
        outcomes: list[Outcome] = yield Pool(
            self._component, [self._one(action) for action in group], self._width
        )
        return outcomes

    def _one(self, action: Action) -> Steps:
        if self._denial:
            return Outcome(error=self._denial)
        obj: Object = dict(action.obj)
        resource = self._client.endpoint.server.catalog.of(obj)
        if resource is None:
            return Outcome(error="the server could not find the requested resource")
        namespace = resources.namespace_of(obj) if resource.namespaced else ""
        if not resource.namespaced:
            obj = objects.dissoc(obj, ("metadata", "namespace"))
        target = Target(resource, namespace, resources.name_of(obj))
        try:
            match action.verb:
                case "apply":
                    assert action.command is not None, "an apply says how"
                    return (
                        yield from self._write(Written(resource, namespace, obj, "manifest"), action.command)
                    )
                case "delete":
                    yield self._client.delete(*_place(target), propagation=action.propagation)
                    return Outcome()
                case "remove-finalizer":
                    yield from self._remove_finalizer(target)
                    return Outcome()
                case "get":
                    return Outcome(live=(yield self._client.get(*_place(target), managed_fields=True)))
        except KubectlError as error:
            return Outcome(error=clean(str(error)))
        except StatusError as error:
            return Outcome(error=error.message, missing=error.is_not_found)
        raise AssertionError(f"no such verb: {action.verb}")

    def _write(self, item: Written, command: Command) -> Steps:
        match command.verb:
            case "apply":
                outcome = yield from self._apply(item, command)
            case "create":
                outcome = yield from self._create(item, command)
            case "replace":
                outcome = yield from self._replace(item, command)
            case _:
                outcome = yield from self._update(item, command)
        if not command.dry_run and resources.is_crd(item.object):
            yield from self._await_kind(item)
        return outcome

    def _apply(self, item: Written, command: Command) -> Steps:
        flags = {"field-manager": [command.manager], "validate": ["true" if command.validate else "false"]}
        if command.dry_run:
            flags["dry-run"] = ["client"]
        if command.force:
            flags["force"] = ["true"]
        if command.server_side:
            flags["force-conflicts"] = ["true"]
        arguments = Arguments()
        arguments.flags.update(flags)
        session = Session(self._client)
        if command.server_side:
            if command.migrate_from:
                yield from self._migrate(item, command)
            _, what = yield from server_side(session, arguments, item)
        else:
            _, what = yield from client_side(session, arguments, item)
        return Outcome(message=f"{named(item.resource, objects.name(item.object))} {what}")

    def _migrate(self, item: Written, command: Command) -> Steps:
        """Hand the fields of a client-side apply to the server-side manager (migrateToServerSideApply)."""
        name = objects.name(item.object)
        live = yield self._client.get(item.resource, item.namespace, name, managed_fields=True)
        entries = [dict(entry) for entry in live["metadata"].get("managedFields") or ()]
        for entry in entries:
            if entry.get("manager") == command.migrate_from and entry.get("operation") == "Update":
                entry.update(manager=command.manager, operation="Apply")
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": objects.resource_version(live)},
        ]
        yield self._client.patch(item.resource, item.namespace, name, patch, type="json")

    def _create(self, item: Written, command: Command) -> Steps:
        if not command.dry_run:
            validation = "Strict" if command.validate else "Ignore"
            yield self._client.create(item.resource, item.object, item.namespace, field_validation=validation)
        return Outcome(message=f"{named(item.resource, objects.name(item.object))} created")

    def _replace(self, item: Written, command: Command) -> Steps:
        name = objects.name(item.object)
        if command.dry_run:
            return Outcome(message=f"{named(item.resource, name)} replaced")
        if command.force:
            yield self._client.delete(item.resource, item.namespace, name, propagation="Background")
            yield from wait_gone(Session(self._client), Target(item.resource, item.namespace, name))
            yield self._client.create(item.resource, item.object, item.namespace)
        else:
            yield from self._put(item)
        return Outcome(message=f"{named(item.resource, name)} replaced")

    def _update(self, item: Written, command: Command) -> Steps:
        if not command.dry_run:
            yield from self._put(item)
        return Outcome()

    def _put(self, item: Written) -> Steps:
        live = yield self._client.get(item.resource, item.namespace, objects.name(item.object))
        body = objects.with_metadata(item.object, resourceVersion=objects.resource_version(live))
        yield self._client.update(item.resource, body)

    def _await_kind(self, item: Written) -> Steps:
        """Until the new kind is served; for 3 s at most, after which the sync goes on all the same."""
        name, until = objects.name(item.object), self._component.engine.now + CRD_WAIT
        while self._component.engine.now < until:
            live = yield self._client.get(item.resource, "", name)
            if objects.condition_is(live, "Established"):
                return
            yield Sleep(self._component.engine, CRD_POLL)

    def _remove_finalizer(self, target: Target) -> Steps:
        for attempt in range(_CONFLICTS):
            live = yield self._client.get(*_place(target))
            rest = [f for f in live["metadata"].get("finalizers") or () if f != hooks.FINALIZER]
            body = {
                "metadata": {"finalizers": rest or None, "resourceVersion": objects.resource_version(live)}
            }
            try:
                yield self._client.patch(*_place(target), body)
            except StatusError as error:
                if not error.is_conflict or attempt == _CONFLICTS - 1:
                    raise
            else:
                return


def _place(target: Target) -> tuple[Resource, str, str]:
    return target.resource, target.namespace, target.name


def clean(text: str) -> str:
    """kubectl's complaint without what it says about its temporary file (cleanKubectlOutput)."""
    return _NOISE.sub("", text.strip(), count=1)
