"""The fake API server: identity, rights, verbs and watches over one log.

**Imitates:** kube-apiserver (v1.36) as its clients see it. The front door for raw requests is ``http.py``; the
in-simulation client calls ``perform`` directly. Nothing here takes virtual time: how long a request travels and waits
is the client's business.

**Walk** of an operation: rights -> the verb's method -> store -> answer. Patches read, change and store in one go, so
they never conflict with themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from kcsim.api import conversion, escalation, objects, patching, reviews, status, subresources
from kcsim.api.allocation import SERVICE_CIDR
from kcsim.api.apply.managed_fields import Managed
from kcsim.api.catalog import Catalog
from kcsim.api.crds import CustomResources
from kcsim.api.filters import compile_filter, named_by
from kcsim.api.heartbeat import Heartbeats
from kcsim.api.log import Log, Recorded, Version, Watch
from kcsim.api.objects import Object
from kcsim.api.ownership import Ownership
from kcsim.api.paging import page
from kcsim.api.rbac import Authorizer
from kcsim.api.request import Answer, Computed, LogOptions, Operation, User
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.api.store import Store
from kcsim.engine.core import Engine
from kcsim.profile.constants import DEFAULT

_DEPRECATED = {"endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"}
"""By group resource: what every answer about it warns of."""
_PODS_STAY = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)
_MAX_OBJECT = DEFAULT.count("kube-apiserver/etcd-max-request-bytes")
"""etcd's request limit (1.5 MiB)."""


class ApiServer:
    """One cluster's API.

    Attributes:
        log: every version of every object.
        catalog: the resources served.
        heartbeats: leases renewed for as long as nothing changes.
        ownership: who owns which field.
        events: the resource of Events, core/v1.
        tokens: bearer tokens and whom each stands for.
        requests, writes: how many requests were answered (watches left out), and how many versions they wrote.
        asked: requests by user name, watches counted when they are opened.
        container_logs: brings what a container of a pod wrote from the kubelet of its node.
        aggregated: the resources that another server answers for, by ``plural.group``.
    """

    def __init__(
        self,
        engine: Engine,
        cluster: str = "",
        *,
        checking: bool = False,
        service_cidrs: Sequence[str] = (SERVICE_CIDR,),
    ) -> None:
        self.engine = engine
        self.cluster = cluster
        self.catalog = Catalog()
        self.log = Log(engine, cluster, checking=checking)
        self.heartbeats = Heartbeats(engine)
        self.container_logs: Callable[[Object, str, LogOptions], str] | None = None
        self.store = Store(engine, self.log, self.catalog, cluster, service_cidrs)
        self.authorizer = Authorizer(self.log, self.catalog)
        self.tokens: dict[str, User] = {}
        self.ownership = Ownership()
        self._custom = CustomResources(engine, self.store, self.ownership)
        events = self.catalog.by_gvk(("", "v1", "Event"))
        assert events is not None
        self.events = events
        self.requests = 0
        self.asked: dict[str, int] = {}
        self.aggregated: dict[str, Resource] = {}
        self._aggregators: dict[str, Callable[[Operation], Answer]] = {}
        self.writes = 0

    def aggregate(self, resources: Iterable[Resource], answer: Callable[[Operation], Answer]) -> None:
        """Hand requests for resources of another API server (an APIService) to ``answer``, rights being checked."""
        for resource in resources:
            self.aggregated[resource.group_resource] = resource
            self._aggregators[resource.group] = answer

    # --- the one way in -----------------------------------------------------------------------------------------

    def perform(self, op: Operation) -> Answer:
        """Do what is asked.

        Raises:
            StatusError: the refusal, as the real server words it.
        """
        self.requests += 1
        user, resource = op.user, op.resource
        self.asked[user.name] = self.asked.get(user.name, 0) + 1
        # Lists by name are asked for like the one object.
        name = op.name or (named_by(op.field_selector) if op.field_selector else "")
        self.authorizer.check(user, op.verb, resource, op.namespace, name, op.subresource)
        if resource.group in self._aggregators:
            return self._aggregators[resource.group](op)
        if op.subresource and resource.subresource(op.subresource) is None:
            raise status.no_such_resource()
        if resource.kind in reviews.REVIEWS and not resource.custom:
            return reviews.perform(self, op)
        if resource.kind == "Binding" and not resource.group:
            return subresources.bind(self, op)
        if resource.plural in _DEPRECATED and not resource.group:
            return self._with_warning(op, _DEPRECATED[resource.plural])
        if resource.storage:
            return conversion.perform(self, op)
        return self.perform_as(op, None)

    def begin_with(self, made: Sequence[Version]) -> None:
        """Begin as another server did whose first versions these are: at the same instant, with nothing written before.

        Versions do not change, so both hold the same ones.
        """
        self.requests += len(made)
        self.writes += len(made)
        for version in made:
            self.asked[version.actor] = self.asked.get(version.actor, 0) + 1
            self.store.services.hold(version.resource, version.object)
        self.log.begin_with(made)

    def take_event(self, user: User, manager: str, event: Recorded) -> None:
        """Store an Event that one of kcsim's own recorders sent, or refuse it without a word: nobody hears of it."""
        self.requests += 1
        asked, name = self.asked, user.name
        asked[name] = asked.get(name, 0) + 1
        resource = self.events
        if not self.authorizer.allows(user, "create", resource, event.namespace):
            return
        try:
            self.store.take_event(resource, event, name, manager)
        except StatusError:
            return
        self.writes += 1

    def take_status(
        self, user: User, manager: str, resource: Resource, namespace: str, name: str, computed: Computed
    ) -> Object | None:
        """Store a status over the one it was computed for: the object as stored.

        None, and nothing is done, where it has to be asked for in full: there is another status by now, the object
        only waits to vanish, or the server is in checking mode.

        Raises:
            StatusError: 403 when no rule allows it.
        """
        current = self.log.get(resource, namespace, name)
        if current is None or current.object.get("status") is not computed.before or self.log.checking:
            return None
        if objects.is_deleting(current.object) and self.store.may_vanish(resource, current.object):
            return None
        self.requests += 1
        asked, who = self.asked, user.name
        asked[who] = asked.get(who, 0) + 1
        self.authorizer.check(user, "patch", resource, namespace, name, "status")
        self.writes += 1
        return self.store.take_status(resource, current, computed.after, who, manager).object

    def _with_warning(self, op: Operation, warning: str) -> Answer:
        try:
            answer = self.perform_as(op, None)
        except StatusError as refusal:
            refusal.warnings = (warning,)
            raise
        answer.warnings = (warning, *answer.warnings)
        return answer

    def perform_as(self, op: Operation, managed: Managed | None) -> Answer:
        """Do what is asked of a resource in its stored version, rights being checked; ``managed`` says who then owns
        what, where that does not follow from the write itself.
        """
        revision, typed = self.log.revision, self.store.typed
        special = subresources.HANDLERS.get(op.subresource)
        try:
            if special is not None:
                answer = special(self, op)
            elif managed is not None:
                answer = self._create(op, managed) if op.verb == "create" else self._update(op, managed)
            else:
                answer = self._VERBS[op.verb](self, op)
        except StatusError as refusal:
            # What was warned of before something refused the write is told all the same.
            refusal.warnings, typed.warnings = (*typed.warnings, *refusal.warnings), []
            raise
        if special is None:
            self.writes += self.log.revision - revision
        if op.warnings or typed.warnings:
            told, typed.warnings = typed.warnings, []
            answer.warnings = (*answer.warnings, *told, *op.warnings)
        return answer

    # --- reading ------------------------------------------------------------------------------------------------

    def _get(self, op: Operation) -> Answer:
        if op.resource_version not in {"", "0"}:
            self._check_version(op.resource_version)
        version = self.store.require(op.resource, op.namespace, op.name)
        shown = self.shown(version)
        if op.managed_fields:
            owners = self.ownership.managed_of(version).to_json()
            shown = objects.with_metadata(shown, managedFields=owners) if owners else shown
        return Answer(200, shown, versions=(version,))

    def _check_version(self, asked: str) -> None:
        """Refuse to read at a version that is no number or has not happened yet."""
        if not asked.isdigit():
            parsing = f'strconv.ParseUint: parsing "{asked}": invalid syntax'
            raise status.unclassified(f'resourceVersion: Invalid value: "{asked}": {parsing}')
        if int(asked) > self.log.revision:
            raise status.future_version(int(asked), self.log.revision)

    def _list(self, op: Operation) -> Answer:
        body, versions = page(self, op)
        return Answer(200, body, versions=versions)

    def find(
        self, resource: Resource, namespace: str | None, labels: str, fields: str, *, as_of: int | None = None
    ) -> list[Version]:
        """The versions that selectors choose, in key order: the current ones, or those of a revision."""
        resource = conversion.stored(self.catalog, resource)
        match, index = compile_filter(resource, labels, fields)
        if as_of is not None:
            table = self.log.state_at(as_of).get(resource.table, {})
            found = [table[key] for key in sorted(table) if namespace is None or key[0] == namespace]
        elif index is not None and index[0] == "metadata.name" and (namespace or not resource.namespaced):
            version = self.log.get(resource, namespace or "", index[1])
            found = [version] if version is not None else []
        else:
            found = self.log.list(resource, namespace)
        return found if match is None else [v for v in found if match(v.object)]

    def shown(self, version: Version) -> Object:
        """The object as a reader sees it: leases with the renewal promised last."""
        if version.resource.kind == "Lease" and not version.deleted:
            return subresources.renewed(self.heartbeats, version.object)
        return version.object

    def watch(
        self,
        resource: Resource,
        user: User,
        on_wake: Callable[[], None],
        *,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        since: int | None = None,
    ) -> Watch:
        """Open a cursor on a resource after revision ``since`` (now when None).

        Raises:
            StatusError: 403, 400 for a bad selector, 410 when ``since`` was compacted, 504 when it is in the future.
        """
        self.asked[user.name] = self.asked.get(user.name, 0) + 1
        self.authorizer.check(user, "watch", resource, namespace or "", "")
        resource = conversion.stored(self.catalog, resource)
        match, index = compile_filter(resource, labels, fields)
        if since is not None and since < (oldest := self.log.compacted):
            raise status.expired(f"too old resource version: {since} ({oldest})")
        return self.log.watch(resource, on_wake, namespace=namespace, match=match, index=index, since=since)

    # --- writing ------------------------------------------------------------------------------------------------

    def _create(self, op: Operation, managed: Managed | None = None) -> Answer:
        obj, warnings = self._decoded(op)
        if op.name and obj["metadata"].get("name") not in {None, "", op.name}:
            raise status.bad_request(
                f"the name of the object ({obj['metadata']['name']}) does not match the name on the URL ({op.name})"
            )
        escalation.check(self, op, obj, None)
        self._custom.check_creation(op.resource)
        made = self.store.create(op, obj, managed=managed)
        self._custom.changed(op.resource, made)
        return _made(201, made, (*warnings, *self._custom.warnings_for(op.resource, obj)))

    def _update(self, op: Operation, managed: Managed | None = None) -> Answer:
        obj, warnings = self._decoded(op)
        patching.check_identity(op, obj)
        current = self.log.get(op.resource, op.namespace, op.name)
        if current is None:
            if not op.resource.create_on_update or op.subresource:
                raise status.not_found(op.resource, op.name)
            return _made(201, self.store.create(op, obj, managed=managed), warnings)
        if not obj["metadata"].get("resourceVersion") and not op.resource.unconditional_update:
            raise subresources.must_be_specified(op.resource, op.name)
        escalation.check(self, op, obj, current.object)
        new = self.store.update(op, current, obj, managed=managed)
        self._custom.changed(op.resource, new)
        return _made(200, self.store.last_answer(op, new, managed), warnings)

    def _patch(self, op: Operation) -> Answer:
        current = self.log.get(op.resource, op.namespace, op.name)
        if op.patch_type == "apply":
            return self._apply(op, current)
        if current is None:
            raise status.not_found(op.resource, op.name)
        managed = None
        if patching.rewrites_managers(op):
            patched, managed, warnings = patching.with_managers(
                self.store.typed, op, current, self.ownership, self.engine.now
            )
        else:
            patched, warnings = patching.patched(
                self.store.typed, op, current.object, lambda: self.ownership.managed_of(current).to_json()
            )
        escalation.check(self, op, patched, current.object)
        new = self.store.update(op, current, patched, managed=managed)
        self._custom.changed(op.resource, new)
        return _made(200, self.store.last_answer(op, new, managed), warnings)

    def _apply(self, op: Operation, current: Version | None) -> Answer:
        if current is None:
            self.authorizer.check(op.user, "create", op.resource, op.namespace, op.name, op.subresource)
            self._custom.check_creation(op.resource)
        obj, managed = patching.applied(op, current, self.ownership, self.engine.now)
        escalation.check(self, op, obj, current.object if current is not None else None)
        if current is None:
            made = self.store.create(op, obj, managed=managed, operation="Apply")
            self._custom.changed(op.resource, made)
            return _made(201, made, tuple(op.duplicates))
        # What the server itself will set is not for the applier to have changed.
        new = self.store.update(op, current, obj, managed=managed, operation="Apply")
        self._custom.changed(op.resource, new)
        answer = _made(200, new, tuple(op.duplicates))
        if op.managed_fields:
            answer.body = objects.with_metadata(answer.body, managedFields=managed.to_json())
        return answer

    def _delete(self, op: Operation) -> Answer:
        current = self.store.require(op.resource, op.namespace, op.name)
        written, gone = self.store.delete(op, current)
        if written is not None:
            self._custom.changed(op.resource, written)
        if gone and not op.resource.returns_deleted:
            details = {"name": op.name, "group": op.resource.group, "kind": op.resource.plural}
            details["uid"] = objects.uid(current.object)
            if not op.resource.group:
                del details["group"]
            body = {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details,
            }
            return Answer(200, body)
        silent = op.resource.kind != "Job" or op.propagation_policy
        return _made(200, written or current, () if silent else (_PODS_STAY,))

    def _delete_collection(self, op: Operation) -> Answer:
        found = self.find(op.resource, op.namespace or None, op.label_selector, op.field_selector)
        for version in found:
            self.store.delete(op, version)
        body, versions = page(self, op, found)
        return Answer(200, body, versions=versions)

    _VERBS: ClassVar[dict[str, Callable[[ApiServer, Operation], Answer]]] = {
        "get": _get,
        "list": _list,
        "create": _create,
        "update": _update,
        "patch": _patch,
        "delete": _delete,
        "deletecollection": _delete_collection,
    }

    def _decoded(self, op: Operation) -> tuple[Object, tuple[str, ...]]:
        """The body as an object of the resource's kind."""
        obj = op.body
        if not op.field_validation:
            return obj, ()
        if not isinstance(obj, dict):
            raise status.bad_request("the request body is not an object")
        if not isinstance(obj.get("metadata", {}), dict):
            obj = {**obj, "metadata": obj["metadata"]}
        known, warnings = self.store.typed.decode(op.resource, obj, op.field_validation, op.duplicates)
        return (known if "metadata" in known else {**known, "metadata": {}}), warnings


def _made(code: int, version: Version, warnings: tuple[str, ...] = ()) -> Answer:
    return Answer(code, version.object, warnings, (version,))
