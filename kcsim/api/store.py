"""The verbs on stored objects: what every resource has in common.

**Imitates:** apiserver ``pkg/registry/generic/registry/store.go`` and ``pkg/registry/rest`` (v1.36): metadata the server
owns, optimistic concurrency, graceful deletion, finalizers, no-op updates. Rights and decoding come before
(``server.py``); what is special about a kind stands in ``strategy.py``.

**Walk** of a create: metadata -> strategy -> defaults -> admission -> validation -> allocation -> log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kcsim.api import crd_status, objects, status, strategy
from kcsim.api.admission.chain import Admission
from kcsim.api.allocation import SERVICE_CIDR, ServiceAllocator
from kcsim.api.catalog import Catalog
from kcsim.api.event_ttl import EventLeases
from kcsim.api.log import Log, Recorded, Version
from kcsim.api.objects import Object
from kcsim.api.request import Operation
from kcsim.api.resources import Resource
from kcsim.api.typed import Typed
from kcsim.api.validation.common import immutable
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339
from kcsim.engine.core import Engine

_NAME_TRIES = 8
_MAX_NAME = 63
_SUFFIX = 5
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_SERVER_METADATA = ("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "uid")
_DELETION = ("deletionGracePeriodSeconds", "deletionTimestamp")


class Store:
    """Objects of one cluster behind the generic verbs. Every method raises ``StatusError`` for a refusal."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        catalog: Catalog,
        cluster: str,
        service_cidrs: Sequence[str] = (SERVICE_CIDR,),
    ) -> None:
        self._engine = engine
        self._cluster = cluster
        self._uids = engine.dice(f"uid/{cluster}")
        self.log = log
        self.catalog = catalog
        self.typed = Typed(catalog)
        self.admission = Admission(engine, log, catalog, cluster, self._charge)
        self._events = catalog.by_gvk(("", "v1", "Event"))
        assert self._events is not None
        self._event_leases = EventLeases(engine, log, self._events)
        self.services = ServiceAllocator(engine.dice(f"service-ip/{cluster}"), catalog, service_cidrs)

    # --- reading ------------------------------------------------------------------------------------------------

    def require(self, resource: Resource, namespace: str, name: str) -> Version:
        """The current version, or 404."""
        version = self.log.get(resource, namespace, name)
        if version is None:
            raise status.not_found(resource, name)
        return version

    # --- create -------------------------------------------------------------------------------------------------

    def create(
        self, op: Operation, obj: Object, *, managed: Any = None, operation: str = "Update"
    ) -> Version:
        """Store a new object; gives its version, for a dry run the one that would have been stored."""
        resource = op.resource
        obj = self._fresh(op, obj)
        # What strategies and admission add below is nobody's: managers own what was sent and its defaults.
        obj = sent = self.typed.default(resource, obj)
        obj = strategy.prepare_for_create(resource, obj, op.user)
        obj = self.admission.admit_create(op, obj)
        obj = self._named(resource, op.namespace, obj)
        self.typed.validate_create(resource, obj)
        self.admission.validate(op, obj, None)
        name = objects.name(obj)
        existing = self.log.get(resource, op.namespace, name)
        if existing is not None:
            taken = status.being_deleted if objects.is_deleting(existing.object) else status.already_exists
            raise taken(resource, name)
        obj = self.services.on_create(resource, obj)
        return self._write(
            op,
            (op.namespace, name),
            obj,
            verb="create" if operation == "Update" else "apply",
            operation=operation,
            managed=managed,
            sent=sent if sent is not obj else None,
        )

    def take_event(self, resource: Resource, event: Recorded, actor: str, manager: str) -> Version:
        """Store an Event that one of kcsim's own recorders wrote: complete, valid, and nobody else's.

        Does what ``create`` would come to with it, and nothing that would change nothing.
        """
        namespace, name = event.namespace, event.name
        log = self.log
        self.admission.check_namespace(resource, namespace, name)
        if log.get(resource, namespace, name) is not None:
            raise status.already_exists(resource, name)
        self._event_leases.written()
        return log.enter_event(resource, event, self._uids.uuid_bits(), actor, manager)

    def _write(
        self,
        op: Operation,
        key: tuple[str, str],
        obj: Object,
        *,
        verb: str,
        previous: Version | None = None,
        operation: str = "Update",
        managed: Any = None,
        sent: Object | None = None,
    ) -> Version:
        """Append a version, or for a dry run only draw it up."""
        who, manager = op.user.name, op.field_manager
        if op.dry_run:
            return self.log.draft(
                op.resource,
                key,
                obj,
                who,
                verb,
                manager,
                previous,
                False,
                operation,
                op.subresource,
                managed,
                sent,
            )
        if op.resource is self._events:
            self._event_leases.written()
        return self.log.append(
            op.resource,
            key,
            obj,
            actor=who,
            verb=verb,
            manager=manager,
            previous=previous,
            operation=operation,
            subresource=op.subresource,
            managed=managed,
            sent=sent,
        )

    def _fresh(self, op: Operation, obj: Object) -> Object:
        """The object with the metadata the server owns (apiserver: pkg/registry/rest/create.go)."""
        resource = op.resource
        given = obj.get("metadata") or {}
        namespace = given.get("namespace") or ""
        if resource.namespaced and namespace and namespace != op.namespace:
            raise status.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if given.get("resourceVersion") and op.patch_type != "apply":
            raise status.unclassified("resourceVersion should not be set on objects to be created")
        metadata = {k: v for k, v in given.items() if k not in _SERVER_METADATA and k != "managedFields"}
        metadata.pop("resourceVersion", None)
        if (metadata.get("generation") or 0) >= 0:
            metadata.pop("generation", None)
        if resource.namespaced:
            metadata["namespace"] = op.namespace
        else:
            metadata.pop("namespace", None)
        metadata["uid"] = self._uids.uuid()
        metadata["creationTimestamp"] = rfc3339(self._engine.now)
        if resource.generation != "none":
            metadata["generation"] = 1
        return {**obj, "apiVersion": resource.group_version, "kind": resource.kind, "metadata": metadata}

    def _named(self, resource: Resource, namespace: str, obj: Object) -> Object:
        """Expand generateName (kubernetes-api reference, 1.1)."""
        metadata = obj["metadata"]
        if metadata.get("name") or not metadata.get("generateName"):
            return obj
        base = metadata["generateName"][: _MAX_NAME - _SUFFIX]
        dice = self._engine.dice(f"names/{self._cluster}/{resource.plural}/{namespace}/{base}")
        for _ in range(_NAME_TRIES):
            name = base + dice.suffix(_SUFFIX)
            if self.log.get(resource, namespace, name) is None:
                return {**obj, "metadata": {**metadata, "name": name}}
        text = f'{resource.group_resource} "{name}" already exists, the server was not able to generate a unique name for the object'
        raise status.StatusError(409, "AlreadyExists", text, {"name": name, "kind": resource.plural})

    # --- update -------------------------------------------------------------------------------------------------

    def update(
        self,
        op: Operation,
        current: Version,
        new: Object,
        *,
        managed: Any = None,
        operation: str = "Update",
    ) -> Version:
        """Store ``new`` over ``current``; an update that changes nothing writes nothing."""
        resource, old = op.resource, current.object
        self._check_preconditions(op, current, new)
        new = self._kept_metadata(resource, new, old)
        if op.subresource == "status":
            new = strategy.prepare_for_status_update(new, old)
        elif op.subresource in strategy.PARTS:
            new = strategy.PARTS[op.subresource](new, old)
        elif op.subresource:
            new = {**new, "status": old["status"]} if "status" in old else new
        else:
            new = strategy.prepare_for_update(resource, new, old)
        if new.get("spec") is not old.get("spec") or not op.subresource:
            new = self.typed.default(resource, new, old)
        sent = new
        if not op.subresource:
            new = self.admission.admit_update(resource, new)
        # Writes of the status never move it, not even those that set a Deployment's annotations.
        seen = old["metadata"].get("generation")
        generation = seen if op.subresource == "status" else strategy.generation(resource, new, old)
        if generation != new["metadata"].get("generation"):
            new = objects.with_metadata(new, generation=generation)
        new = self.services.keep(resource, new, old)
        self.typed.validate_update(resource, new, old, op.subresource)
        self.admission.validate(op, new, old)
        new = self.services.on_update(resource, new, old)
        if _same(new, old) and (managed is None or managed.same_but_times(current.managed)):
            return current
        if objects.is_deleting(new) and self.may_vanish(resource, new) and not op.dry_run:
            return self._remove(op, current, new)
        verb = "apply" if operation == "Apply" else op.verb
        return self._write(
            op,
            current.key,
            new,
            verb=verb,
            previous=current,
            operation=operation,
            managed=managed,
            sent=sent if new.get("spec") is not sent.get("spec") else None,
        )

    def _check_preconditions(self, op: Operation, current: Version, new: Object) -> None:
        given = new.get("metadata") or {}
        name = objects.name(current.object)
        wanted = given.get("resourceVersion")
        if wanted and wanted != "0" and wanted != current.object["metadata"]["resourceVersion"]:
            if not wanted.isdigit():
                raise status.unclassified(f'strconv.ParseUint: parsing "{wanted}": invalid syntax')
            raise status.conflict(op.resource, name)
        uid = given.get("uid")
        if uid and uid != objects.uid(current.object):
            if op.verb == "patch":
                # Both the generic and the kind's own rules say so.
                faults = immutable("metadata.uid", uid, objects.uid(current.object)) * 2
                raise status.invalid(op.resource.group, op.resource.kind, name, faults)
            why = (
                f"StorageError: invalid object, Code: 4, Key: {storage_key(op.resource, current.key)}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, "
                f"UID in object meta: {objects.uid(current.object)}"
            )
            raise status.conflict(op.resource, name, why)

    @staticmethod
    def _kept_metadata(resource: Resource, new: Object, old: Object) -> Object:
        """``new`` with the metadata only the server may set taken from ``old``."""
        metadata, before = new.get("metadata") or {}, old["metadata"]
        if metadata is before:
            return new
        merged = {k: v for k, v in metadata.items() if v is not None and k != "managedFields"}
        for field in (*_SERVER_METADATA, "generation", "resourceVersion", "namespace", "name"):
            if field in _DELETION and merged.get(field):
                continue  # writing another one is refused, not overlooked
            if field in before:
                merged[field] = before[field]
            else:
                merged.pop(field, None)
        for field in ("labels", "annotations", "finalizers", "ownerReferences"):
            if field in merged and not merged[field]:
                del merged[field]
            elif merged.get(field) == before.get(field) and field in before:
                merged[field] = before[field]
        return {**new, "apiVersion": resource.group_version, "kind": resource.kind, "metadata": merged}

    def take_status(
        self, resource: Resource, current: Version, made: Object, actor: str, manager: str
    ) -> Version:
        """Store a status that kcsim itself worked out, over the version that it was worked out for.

        Does what ``update`` would come to with it, and nothing that would change nothing.
        """
        old = current.object
        new = {**old, "metadata": {**old["metadata"]}, "status": made}
        return self.log.enter(
            resource, current.key, new, actor, "patch", manager, current, subresource="status"
        )

    # --- delete -------------------------------------------------------------------------------------------------

    def delete(self, op: Operation, current: Version) -> tuple[Version | None, bool]:
        """Begin or finish a deletion (kubernetes-api reference, 12.1).

        Gives the version that was written, None when nothing had to be (already on its way, a dry run); and whether
        the object is gone now, or would be.
        """
        resource, obj = op.resource, current.object
        name = objects.name(obj)
        uid, version = op.precondition_uid, op.precondition_resource_version
        if uid and uid != objects.uid(obj):
            raise _precondition_failed(
                resource, name, "UID", uid, objects.uid(obj), "deleted and then recreated"
            )
        if version and version != (stored := objects.resource_version(obj)):
            raise _precondition_failed(resource, name, "ResourceVersion", version, stored, "modified")
        self.admission.admit_delete(op, current)
        grace = self._grace(op, resource, obj)
        finalizers = self._finalizers(op, resource, obj)
        if (
            resource.kind == "CustomResourceDefinition"
            and not resource.custom
            and not objects.is_deleting(obj)
        ):
            held = crd_status.marked(obj, rfc3339(self._engine.now))
            finalizers = [*(f for f in finalizers if f != crd_status.CLEANUP), crd_status.CLEANUP]
            return self._mark(op, current, held, 0, finalizers, first=False), False
        if resource.kind == "Namespace" and not objects.is_deleting(obj) and obj["spec"].get("finalizers"):
            terminating = objects.assoc(obj, ("status", "phase"), "Terminating")
            return self._mark(op, current, terminating, 0, finalizers, first=True), False
        if (
            not grace
            and not finalizers
            and not (resource.kind == "Namespace" and obj["spec"].get("finalizers"))
        ):
            if op.dry_run:
                return None, True
            if resource.graceful and not objects.is_deleting(obj):
                # Watchers see the mark by itself, though the object goes at once (errDeleteNow of the registry).
                current = self._mark(op, current, obj, 0, [], first=True) or current
                return self._remove(op, current, current.object), True
            last = self._marked(obj, 0, [], first=False) if resource.graceful else obj
            return self._remove(op, current, last), True
        return self._mark(op, current, obj, grace, finalizers, first=not objects.is_deleting(obj)), False

    @staticmethod
    def _grace(op: Operation, resource: Resource, obj: Object) -> int:
        """Seconds of grace: only pods have any."""
        if not resource.graceful:
            return 0
        spec = obj["spec"]
        grace = op.grace_period_seconds
        if grace is None:
            grace = spec.get("terminationGracePeriodSeconds", 30)
        if not spec.get("nodeName") or obj["status"].get("phase") in {"Succeeded", "Failed"}:
            return 0
        return 1 if grace < 0 else int(grace)

    @staticmethod
    def _finalizers(op: Operation, resource: Resource, obj: Object) -> list[str]:
        """The finalizers after the propagation policy has had its say."""
        finalizers: list[str] = list(obj["metadata"].get("finalizers") or ())
        policy = op.propagation_policy
        if not policy and resource.orphan_by_default and not finalizers:
            policy = "Orphan"
        if policy:
            finalizers = [f for f in finalizers if f not in {FOREGROUND, ORPHAN}]
            if policy == "Foreground":
                finalizers.append(FOREGROUND)
            elif policy == "Orphan":
                finalizers.append(ORPHAN)
        return finalizers

    def _mark(
        self, op: Operation, current: Version, obj: Object, grace: int, finalizers: list[str], *, first: bool
    ) -> Version | None:
        new = self._marked(obj, grace, finalizers, first=first)
        if _same(new, current.object) or op.dry_run:
            return None
        return self.log.append(
            op.resource,
            current.key,
            new,
            actor=op.user.name,
            verb="delete",
            manager=op.field_manager,
            previous=current,
        )

    def _marked(self, obj: Object, grace: int, finalizers: list[str], *, first: bool) -> Object:
        """The object with the instant it has to be gone by (registry/rest: BeforeDelete)."""
        metadata = obj["metadata"]
        now = self._engine.now
        if first:
            until = rfc3339(now + grace * SECOND)
            marks: dict[str, Any] = {"deletionTimestamp": until, "deletionGracePeriodSeconds": grace}
            if metadata.get("generation"):
                marks["generation"] = metadata["generation"] + 1
        else:
            had = metadata.get("deletionGracePeriodSeconds", 0)
            marks = {}
            if grace < had:
                until_us = parse_rfc3339(metadata["deletionTimestamp"]) - (had - grace) * SECOND
                if until_us < now:
                    until_us, grace = now, min(grace, 1)
                marks = {"deletionTimestamp": rfc3339(until_us), "deletionGracePeriodSeconds": grace}
        return objects.with_metadata(obj, finalizers=finalizers or None, **marks)

    @staticmethod
    def may_vanish(resource: Resource, obj: Object) -> bool:
        """Whether an object that is being deleted has nothing left to wait for."""
        metadata = obj["metadata"]
        if metadata.get("finalizers"):
            return False
        if resource.kind == "Namespace" and not resource.custom:
            return not obj["spec"].get("finalizers")
        return not metadata.get("deletionGracePeriodSeconds")

    def _remove(self, op: Operation, current: Version, last: Object) -> Version:
        self.services.on_delete(op.resource, last)
        return self.log.append(
            op.resource,
            current.key,
            last,
            actor=op.user.name,
            verb="delete",
            manager=op.field_manager,
            previous=current,
            deleted=True,
        )

    def last_answer(self, op: Operation, version: Version, managed: Any) -> Version:
        """What the client gets whose update let an object go: the state it asked for, in no version of its own."""
        if not version.deleted or version.previous is None:
            return version
        before = version.previous
        obj = objects.with_metadata(
            version.object, resourceVersion=before.object["metadata"]["resourceVersion"]
        )
        return self.log.draft(
            version.resource,
            version.key,
            obj,
            version.actor,
            op.verb,
            version.manager,
            before,
            False,
            "Update",
            op.subresource,
            managed,
            None,
        )

    def _charge(self, quota: Version, charged: Object) -> None:
        """Store the status of a ResourceQuota that admission has charged, as the API server itself."""
        new = {**quota.object, "metadata": {**quota.object["metadata"]}, "status": charged}
        self.log.enter(
            quota.resource,
            quota.key,
            new,
            "system:apiserver",
            "update",
            "kube-apiserver",
            quota,
            subresource="status",
        )

    # --- a changed copy ------------------------------------------------------------------------------------------

    def rewrite(
        self, op: Operation, current: Version, change: Callable[[Object], Object], verb: str
    ) -> Version:
        """Store a change the server itself makes for a sub-resource (binding, eviction, finalize).

        ``change`` gives a new object; its metadata are new, or those it was given.
        """
        new = change(current.object)
        if objects.is_deleting(new) and self.may_vanish(op.resource, new):
            return self._remove(op, current, new)
        if new["metadata"] is current.object["metadata"]:
            new = {**new, "metadata": {**new["metadata"]}}
        return self.log.enter(
            op.resource,
            current.key,
            new,
            op.user.name,
            verb,
            op.field_manager,
            current,
            subresource=op.subresource,
        )


def storage_key(resource: Resource, key: tuple[str, str]) -> str:
    """Where etcd would keep the object, as error texts show it."""
    namespace, name = key
    where = f"{namespace}/{name}" if namespace else name
    return f"/registry/{resource.plural}/{where}"


def _precondition_failed(
    resource: Resource, name: str, field: str, wanted: str, stored: str, happened: str
) -> status.StatusError:
    """409 for a DELETE that asks for another object or version; upstream names the kind here, not the plural."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    text = (
        f'Operation cannot be fulfilled on {kind} "{name}": the {field} in the precondition ({wanted}) does not match '
        f"the {field} in record ({stored}). The object might have been {happened}"
    )
    details = {"name": name, "group": resource.group, "kind": resource.kind}
    if not resource.group:
        del details["group"]
    return status.StatusError(409, "Conflict", text, details)


def _same(new: Object, old: Object) -> bool:
    """Whether two versions differ in nothing but resourceVersion."""
    if new is old:
        return True
    if new.keys() != old.keys():
        return False
    for k, value in new.items():
        before = old[k]
        if value is before:
            continue
        if k == "metadata":
            if {**value, "resourceVersion": ""} != {**before, "resourceVersion": ""}:
                return False
        elif value != before:
            return False
    return True
