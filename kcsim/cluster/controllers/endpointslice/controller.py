"""The EndpointSlice controller: mirrors the pods behind each Service into slices.

**Imitates:** ``pkg/controller/endpointslice/endpointslice_controller.go`` and staging ``k8s.io/endpointslice`` (v1.36).
Left out: metrics, the legacy Endpoints objects (their own controller upstream).
**Walk:** a pod's address or readiness changes -> the Services that select it get it on their list of dirty pods -> one
sync a Service rewrites only the slices these pods touch. Everything is looked at again after an error, after a change
of the Service, and a second after somebody else changed a slice.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.endpointslice.endpoints import (
    ZONE_LABEL,
    as_hinted,
    endpoint_ports,
    endpoint_shape,
    has_named_ports,
    pod_to_endpoint,
)
from kcsim.cluster.controllers.endpointslice.services import ServiceIndex, selects
from kcsim.cluster.controllers.endpointslice.slices import Changes, Group, Slice, SliceSet, group_of
from kcsim.cluster.controllers.endpointslice.topology import (
    DISABLED,
    ENABLED,
    cpu_ratios,
    hinted,
    is_overloaded,
    wants_hints,
)
from kcsim.cluster.controllers.pods import ready_condition
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]
Wanted = tuple[Group, list[Object], Object]

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"

CHANGE_MIN_SYNC_DELAY = SECOND
"""Foreign changes of slices are answered after this long (endpointSliceChangeMinSyncDelay)."""


class MissingNode(Exception):
    """A pod's node is not in the cache: its endpoint waits for a retry."""


class Mirror:
    """What is remembered of one Service between syncs."""

    __slots__ = ("dirty", "ports", "service", "slices", "trigger")

    def __init__(self) -> None:
        self.service: Object | None = None
        self.slices: SliceSet | None = None
        self.dirty: dict[str, None] = {}
        self.ports: list[Object] | None = None
        self.trigger = ""

    def changed(self, pod: Object) -> None:
        """A pod needs another look; remember the earliest instant that asks for it."""
        self.dirty[objects.name(pod)] = None
        stamp = (ready_condition(pod) or {}).get("lastTransitionTime") or ""
        if stamp and (not self.trigger or stamp < self.trigger):
            self.trigger = stamp


class EndpointSliceController(Reconciler):
    """Keeps the EndpointSlices of all Services with a selector."""

    name = "endpoint-slice-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-service-endpoint-syncs")
    max_retries = DEFAULT.count("kube-controller-manager/service-endpoint-max-retries")

    def setup(self, component: Component) -> None:
        """Subscribe to Services, pods, nodes and slices."""
        self.reset()
        self.services = component.informer("services")
        self.pods = component.informer("pods")
        self.nodes = component.informer("nodes")
        self.slices = component.informer("endpointslices.discovery.k8s.io")
        self.slices.add_index("service", _service_of_slice)
        self.services.on_change(self._service_changed)
        self.pods.on_change(self._pod_changed)
        self.slices.on_change(self._slice_changed)
        self.nodes.on_change(self._node_changed)

    def reset(self) -> None:
        """Forget everything learnt."""
        self._index = ServiceIndex()
        self._mirrors: dict[Key, Mirror] = {}
        # The versions of slices we wrote or saw, and those seen while a sync of the Service is under way.
        self._known: dict[Key, dict[str, int]] = {}
        self._seen: dict[Key, dict[str, int]] = {}
        # The hints given, by Service and family: how many endpoints each zone has.
        self._hinted: dict[Key, dict[str, dict[str, int]]] = {}

    def error_delay(self, failures: int) -> int:
        """1 s, doubling, at most 1000 s."""
        return min(SECOND << min(failures, 10), 1000 * SECOND)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        key = objects.key(obj)
        if new is None:
            self._index.drop(key)
        else:
            selector = new["spec"].get("selector")
            self._index.put(key, selector if new["spec"].get("type") != "ExternalName" else None)
        self.enqueue(key)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if not self._index:
            return
        before = endpoint_shape(old) if old is not None else None
        after = endpoint_shape(new) if new is not None else None
        moved = old is not None and new is not None and objects.labels(old) != objects.labels(new)
        if before == after and not (moved and after is not None):
            return
        pod = new or old
        assert pod is not None
        namespace = objects.namespace(pod)
        touched = self._index.matching(namespace, objects.labels(pod))
        if moved and old is not None:
            touched += self._index.matching(namespace, objects.labels(old))
        for key in touched:
            self._mirror(key).changed(pod)
            self.enqueue(key)

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        if objects.labels(obj).get(MANAGED_BY) != CONTROLLER:
            return
        key = objects.namespace(obj), objects.labels(obj).get(SERVICE_NAME, "")
        known = self._known.setdefault(key, {})
        name = objects.name(obj)
        if new is None:
            # Our own deletes are forgotten before they are sent.
            foreign = known.pop(name, None) is not None
        else:
            version = int(objects.resource_version(new))
            if key in self._seen:
                # It may be our own write, seen before its answer: judged when the sync ends.
                self._seen[key][name] = version
                return
            foreign = version > known.get(name, 0)
            known[name] = max(version, known.get(name, 0))
        if foreign:
            self._distrust(key)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        """Zones have other shares of the CPU: the hints of some Services may be unfair (checkNodeTopologyDistribution)."""
        if self._hinted and (old is None or new is None or _counts(old) != _counts(new)):
            ratios = cpu_ratios(self.nodes.list())
            for key, families in self._hinted.items():
                if any(is_overloaded(by_zone, ratios) for by_zone in families.values()):
                    self.enqueue(key)

    def _distrust(self, key: Key) -> None:
        """Somebody else changed a slice: look at all of them again, in a while."""
        mirror = self._mirrors.get(key)
        if mirror is not None and mirror.slices is not None:
            mirror.slices = None
            self.enqueue_after(key, CHANGE_MIN_SYNC_DELAY)

    def _mirror(self, key: Key) -> Mirror:
        mirror = self._mirrors.get(key)
        if mirror is None:
            mirror = self._mirrors[key] = Mirror()
        return mirror

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Bring the slices of one Service up to date."""
        service = self.services.get(*key)
        if service is None:
            # The garbage collector takes the slices along: the Service owns them.
            self._mirrors.pop(key, None)
            self._known.pop(key, None)
            self._hinted.pop(key, None)
            return None
        if service["spec"].get("type") == "ExternalName" or not service["spec"].get("selector"):
            return None
        return self._sync(key, service)

    def _sync(self, key: Key, service: Object) -> Steps:
        mirror = self._mirror(key)
        if mirror.slices is None and self._cache_is_stale(key):
            return Result(requeue_after=CHANGE_MIN_SYNC_DELAY)
        full = mirror.slices is None or mirror.service is not service
        if mirror.slices is None:
            mirror.slices = self._load(key)
        slices = mirror.slices
        names = self._all_pods(service, slices) if full else list(mirror.dirty)
        trigger = mirror.trigger or (service["metadata"].get("creationTimestamp", "") if full else "")
        mirror.service, mirror.ports = service, None
        mirror.dirty, mirror.trigger = {}, ""
        families = service["spec"].get("ipFamilies") or ["IPv4"]
        desired: dict[tuple[str, str], Wanted | None] = {}
        missing: list[str] = []
        for name in names:
            wanted = self._desire(service, mirror, name, families)
            if wanted is None:
                missing.append(name)
            else:
                desired.update(wanted)
        changes = slices.apply(desired, families)
        update = [*changes.update, *self._topology(key, service, slices, changes, families)]
        if full:
            update = [*update, *(s for s in slices.slices if self._labels_differ(service, s, update))]
        self._seen[key] = {}
        try:
            yield from self._carry_out(key, service, Changes(changes.create, update, changes.delete), trigger)
        except StatusError:
            # What was planned and what is stored have parted: read all of it again.
            mirror.slices = None
            raise
        finally:
            self._judge_seen(key)
        if missing:
            mirror.dirty.update(dict.fromkeys(missing))
            raise MissingNode(f"nodes of pods {', '.join(missing)} are unknown")
        return None

    def _cache_is_stale(self, key: Key) -> bool:
        for name, version in self._known.get(key, {}).items():
            stored = self.slices.get(key[0], name)
            if stored is None or int(objects.resource_version(stored)) < version:
                return True
        return False

    def _load(self, key: Key) -> SliceSet:
        slices = SliceSet()
        for stored in self.slices.by_index("service", "/".join(key)):
            if not objects.is_deleting(stored):
                slices.load(stored)
        return slices

    def _all_pods(self, service: Object, slices: SliceSet) -> list[str]:
        namespace = objects.namespace(service)
        selected = [p for p in self.pods.list(namespace) if selects(service, p)]
        return sorted({objects.name(p) for p in selected} | set(slices.pods()))

    def _desire(
        self, service: Object, mirror: Mirror, name: str, families: list[str]
    ) -> dict[tuple[str, str], Wanted | None] | None:
        """What the slices should say of one pod, by address family; None while its node is unknown."""
        pod = self.pods.get(objects.namespace(service), name)
        if pod is None or endpoint_shape(pod) is None or not selects(service, pod):
            return dict.fromkeys((name, family) for family in families)
        zone = self._zone(pod["spec"].get("nodeName", ""))
        if zone is None:
            return None
        ports = mirror.ports if mirror.ports is not None else endpoint_ports(service, pod)
        if not has_named_ports(service):
            mirror.ports = ports
        desired: dict[tuple[str, str], Wanted | None] = {}
        for family in families:
            endpoint = pod_to_endpoint(pod, service, family, zone)
            if endpoint is not None and mirror.slices is not None and wants_hints(service):
                endpoint = as_hinted(endpoint, mirror.slices.endpoint(name, family))
            desired[name, family] = (group_of(family, ports), ports, endpoint) if endpoint else None
        return desired

    def _topology(
        self, key: Key, service: Object, slices: SliceSet, changes: Changes, families: list[str]
    ) -> list[Slice]:
        """Give proportional hints to a Service that asks for them; gives the slices that change for their sake alone."""
        if not wants_hints(service):
            for family in self._hinted.pop(key, {}):
                self._tell(service, "Warning", DISABLED, "Topology Aware Hints has been disabled", family)
            return []
        ratios = cpu_ratios(self.nodes.list())
        further: list[Slice] = []
        for family in families:
            written = [s for s in (*changes.create, *changes.update) if s.group[0] == family]
            rest = [s for s in slices.slices if s.group[0] == family and not any(s is w for w in written)]
            more, found = hinted(written, rest, ratios)
            further += more
            if isinstance(found, str):
                self._tell(service, "Warning", DISABLED, found, family)
                self._hinted.get(key, {}).pop(family, None)
                if not self._hinted.get(key):
                    self._hinted.pop(key, None)
            else:
                if key not in self._hinted:
                    self._tell(service, "Normal", ENABLED, "Topology Aware Hints has been enabled", family)
                self._hinted.setdefault(key, {})[family] = found
        return further

    def _tell(self, service: Object, type: str, reason: str, message: str, family: str) -> None:
        text = f"{message}, addressType: {family}"
        self.component.events.event(service, type, reason, text, "endpoint-slice-controller")

    def _zone(self, node_name: str) -> str | None:
        """The zone of a node, "" when it has none or the pod has no node; None for an unknown node."""
        if not node_name:
            return ""
        node = self.nodes.get("", node_name)
        return None if node is None else objects.labels(node).get(ZONE_LABEL, "")

    # --- writing ------------------------------------------------------------------------------------------------

    def _carry_out(self, key: Key, service: Object, changes: Changes, trigger: str) -> Steps:
        # Nothing is created for a Service on its way out, or the garbage collector would never be done.
        for slice_ in changes.create if not objects.is_deleting(service) else ():
            yield from self._write(key, service, slice_, trigger)
        for slice_ in changes.update:
            yield from self._write(key, service, slice_, trigger)
        for slice_ in changes.delete:
            yield from self._delete(key, slice_)

    def _judge_seen(self, key: Key) -> None:
        known = self._known.setdefault(key, {})
        foreign = False
        for name, version in self._seen.pop(key, {}).items():
            foreign = foreign or version > known.get(name, 0)
            known[name] = max(version, known.get(name, 0))
        if foreign:
            self._distrust(key)

    def _slice_labels(self, service: Object) -> dict[str, str]:
        labels = {**objects.labels(service)}
        if service["spec"].get("clusterIP") == "None":
            labels[HEADLESS] = ""
        else:
            labels.pop(HEADLESS, None)
        return {**labels, MANAGED_BY: CONTROLLER, SERVICE_NAME: objects.name(service)}

    def _labels_differ(self, service: Object, slice_: Slice, update: list[Slice]) -> bool:
        stored = slice_.stored
        if stored is None or any(s is slice_ for s in update):
            return False
        return objects.labels(stored) != self._slice_labels(service)

    def _write(self, key: Key, service: Object, slice_: Slice, trigger: str) -> Steps:
        stored = slice_.stored
        endpoints, ports = list(slice_.endpoints.values()), slice_.ports
        labels = self._slice_labels(service)
        if stored is None:
            metadata: Object = {
                "generateName": f"{key[1]}-",
                "namespace": key[0],
                "labels": labels,
                "ownerReferences": [objects.owner_reference(service)],
            }
            if trigger:
                metadata["annotations"] = {TRIGGER_TIME: trigger}
            new = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
            body = {**new, "addressType": slice_.group[0], "endpoints": endpoints, "ports": ports}
            written = yield self.client.create(self.slices.resource, body)
        else:
            notes = {
                k: v for k, v in (stored["metadata"].get("annotations") or {}).items() if k != TRIGGER_TIME
            }
            if trigger:
                notes[TRIGGER_TIME] = trigger
            new = objects.with_metadata(stored, labels=labels, annotations=notes or None)
            written = yield self.client.update(
                self.slices.resource, {**new, "endpoints": endpoints, "ports": ports}
            )
        slice_.stored = written
        known = self._known.setdefault(key, {})
        version = int(objects.resource_version(written))
        known[objects.name(written)] = max(version, known.get(objects.name(written), 0))

    def _delete(self, key: Key, slice_: Slice) -> Steps:
        self._known.get(key, {}).pop(slice_.name, None)
        try:
            yield self.client.delete(self.slices.resource, key[0], slice_.name)
        except StatusError as error:
            if not error.is_not_found:
                raise


def _service_of_slice(obj: Object) -> list[str]:
    labels = objects.labels(obj)
    if labels.get(MANAGED_BY) != CONTROLLER:
        return []
    return [f"{objects.namespace(obj)}/{labels.get(SERVICE_NAME, '')}"]


def _counts(node: Object) -> tuple[bool, str]:
    """What of a node its zone's share depends on, as upstream looks at it (updateNode)."""
    ready = objects.condition(node, "Ready")
    return ready is not None and ready["status"] == "True", objects.labels(node).get(ZONE_LABEL, "")
