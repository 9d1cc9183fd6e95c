"""Nodes, namespaces, events, leases, rights and the classes of a cluster.

**Imitates:** ``printNode`` and its neighbours (pkg/printers/internalversion/printers.go, v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.durations import human_duration
from kcsim.api.objects import Object
from kcsim.api.tables.cells import (
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Column,
    Kind,
    View,
    age,
    columns,
    name,
    since,
    spec,
    status,
)

_ROLE_PREFIX, _ROLE_LABEL = "node-role.kubernetes.io/", "kubernetes.io/role"
_SECOND_NS = 1_000_000_000


# --- nodes ------------------------------------------------------------------------------------------------------


def node_state(obj: Object) -> str:
    """The STATUS of a node."""
    ready = objects.condition(obj, "Ready")
    words = ["Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"]
    if spec(obj).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def node_roles(obj: Object) -> str:
    """The ROLES of a node, from its labels."""
    labels = objects.labels(obj)
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    roles.add(labels.get(_ROLE_LABEL, ""))
    return ",".join(sorted(roles - {""})) or NONE


def _node(obj: Object, view: View) -> list[Any]:
    info = status(obj).get("nodeInfo") or {}
    return [
        name(obj),
        node_state(obj),
        node_roles(obj) if obj.get("metadata") else NONE,
        age(obj, view),
        info.get("kubeletVersion", ""),
        _address(obj, "InternalIP"),
        _address(obj, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        _kernel(info),
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _kernel(info: Object) -> str:
    kernel, architecture = info.get("kernelVersion") or UNKNOWN, info.get("architecture")
    return f"{kernel} ({architecture})" if architecture else str(kernel)


def _address(obj: Object, kind: str) -> str:
    found = (a.get("address", "") for a in status(obj).get("addresses") or () if a.get("type") == kind)
    return next(found, NONE)


# --- events -----------------------------------------------------------------------------------------------------


def as_core_event(obj: Object) -> Object:
    """An ``events.k8s.io`` Event in the words of the core group."""
    if "regarding" not in obj and "note" not in obj:
        return obj
    return {
        **obj,
        "involvedObject": obj.get("regarding") or {},
        "message": obj.get("note", ""),
        "source": obj.get("deprecatedSource") or {},
        "firstTimestamp": obj.get("deprecatedFirstTimestamp"),
        "lastTimestamp": obj.get("deprecatedLastTimestamp"),
        "count": obj.get("deprecatedCount", 0),
        "reportingComponent": obj.get("reportingController", ""),
    }


def event_times(event: Object, view: View) -> tuple[str, str, int]:
    """When it was first and last seen, and how often."""
    began = event.get("firstTimestamp") or event.get("eventTime")
    first = since(began, view)
    last = since(event["lastTimestamp"], view) if event.get("lastTimestamp") else first
    count = event.get("count") or 1
    series = event.get("series")
    if series:
        last, count = since(series.get("lastObservedTime"), view), series.get("count", 0)
    return first, last, count


def event_source(event: Object) -> str:
    """``component, host`` of who reported it."""
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent", "")
    host = source.get("host") or event.get("reportingInstance", "")
    return f"{component}, {host}" if host else component


def _event(obj: Object, view: View) -> list[Any]:
    event = as_core_event(obj)
    first, last, count = event_times(event, view)
    about = event.get("involvedObject") or {}
    kind, named = about.get("kind", "").lower(), about.get("name")
    return [
        last,
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{named}" if named else kind,
        about.get("fieldPath", ""),
        event_source(event),
        event.get("message", "").strip(),
        first,
        count,
        name(obj),
    ]


# --- rights -----------------------------------------------------------------------------------------------------


def _binding(obj: Object, view: View) -> list[Any]:
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or []
    users = [s.get("name", "") for s in subjects if s.get("kind") == "User"]
    groups = [s.get("name", "") for s in subjects if s.get("kind") == "Group"]
    accounts = [
        f"{s.get('namespace', '')}/{s.get('name', '')}" for s in subjects if s.get("kind") == "ServiceAccount"
    ]
    return [
        name(obj),
        f"{role.get('kind', '')}/{role.get('name', '')}",
        age(obj, view),
        ", ".join(users),
        ", ".join(groups),
        ", ".join(accounts),
    ]


# --- the rest ---------------------------------------------------------------------------------------------------


def _namespace(obj: Object, view: View) -> list[Any]:
    return [name(obj), status(obj).get("phase", ""), age(obj, view)]


def _named(obj: Object, view: View) -> list[Any]:
    return [name(obj), age(obj, view)]


def _lease(obj: Object, view: View) -> list[Any]:
    return [name(obj), spec(obj).get("holderIdentity", ""), age(obj, view)]


def _priority_class(obj: Object, view: View) -> list[Any]:
    # The column is not marked wide, but the cell is only made for wide rows; the server asks for those always.
    policy = [obj.get("preemptionPolicy", "")] if view.wide else []
    return [name(obj), obj.get("value", 0), bool(obj.get("globalDefault")), age(obj, view), *policy]


def _runtime_class(obj: Object, view: View) -> list[Any]:
    return [name(obj), obj.get("handler", ""), age(obj, view)]


def _webhooks(obj: Object, view: View) -> list[Any]:
    return [name(obj), len(obj.get("webhooks") or ()), age(obj, view)]


def _signing_request(obj: Object, view: View) -> list[Any]:
    seconds = spec(obj).get("expirationSeconds")
    return [
        name(obj),
        age(obj, view),
        spec(obj).get("signerName") or NONE,
        spec(obj).get("username", ""),
        human_duration(seconds * _SECOND_NS) if seconds is not None else NONE,
        request_state(obj),
    ]


def request_state(obj: Object) -> str:
    """How far a CertificateSigningRequest is: ``Pending``, ``Approved,Issued`` (extractCSRStatus)."""
    held = {c.get("type") for c in objects.conditions(obj)}
    words = [next((word for word in ("Denied", "Approved") if word in held), "Pending")]
    if "Failed" in held:
        words.append("Failed")
    if status(obj).get("certificate"):
        words.append("Issued")
    return ",".join(words)


def _admission_policy(field: str) -> Cells:
    def cells(obj: Object, view: View) -> list[Any]:
        kind = spec(obj).get("paramKind")
        shown = UNSET if kind is None else f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}"
        return [name(obj), len(spec(obj).get(field) or ()), shown, age(obj, view)]

    return cells


def _admission_binding(obj: Object, view: View) -> list[Any]:
    parameters = _parameters(spec(obj).get("paramRef") or {})
    return [name(obj), spec(obj).get("policyName", ""), parameters, age(obj, view)]


def _parameters(reference: Object) -> str:
    """Which parameters a binding takes: ``namespace/name``, or the selector as Go writes the struct."""
    if reference.get("name"):
        return f"{reference.get('namespace') or '*'}/{reference['name']}"
    selector = reference.get("selector")
    if selector is None:
        return UNSET
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    rules = "".join(
        f"LabelSelectorRequirement{{Key:{rule.get('key', '')},Operator:{rule.get('operator', '')},"
        f"Values:[{' '.join(rule.get('values') or ())}],}},"
        for rule in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{rules}}},}}"
    )


def _flow_schema(obj: Object, view: View) -> list[Any]:
    dangling = objects.condition(obj, "Dangling")
    method = (spec(obj).get("distinguisherMethod") or {}).get("type") or NONE
    return [
        name(obj),
        (spec(obj).get("priorityLevelConfiguration") or {}).get("name", ""),
        spec(obj).get("matchingPrecedence", 0),
        method,
        age(obj, view),
        dangling.get("status", "?") if dangling else "?",
    ]


def _precedence(obj: Object) -> tuple[int, str]:
    """FlowSchemaSequence: in the order in which requests are matched."""
    return spec(obj).get("matchingPrecedence", 0), name(obj)


def _priority_level(obj: Object, view: View) -> list[Any]:
    limited = spec(obj).get("limited")
    shares = NONE if limited is None else limited.get("nominalConcurrencyShares", 0)
    queuing = ((limited or {}).get("limitResponse") or {}).get("queuing")
    fields = ("queues", "handSize", "queueLengthLimit")
    shown = [NONE if queuing is None else queuing.get(field, 0) for field in fields]
    return [name(obj), spec(obj).get("type", ""), shares, *shown, age(obj, view)]


def _component(obj: Object, view: View) -> list[Any]:
    del view
    found = next((c for c in obj.get("conditions") or () if c.get("type") == "Healthy"), None)
    if found is None:
        return [name(obj), "Unknown", "", ""]
    state = "Healthy" if found.get("status") == "True" else "Unhealthy"
    return [name(obj), state, found.get("message", ""), found.get("error", "")]


def _api_service(obj: Object, view: View) -> list[Any]:
    """As kube-aggregator ``pkg/registry/apiservice/etcd`` has it."""
    service, available = spec(obj).get("service"), objects.condition(obj, "Available")
    where = "Local" if service is None else f"{service.get('namespace', '')}/{service.get('name', '')}"
    state = "Unknown" if available is None else available.get("status", "")
    if available is not None and state != "True" and available.get("reason"):
        state = f"{state} ({available['reason']})"
    return [name(obj), where, state, age(obj, view)]


def _created(obj: Object, view: View) -> list[Any]:
    del view
    return [name(obj), (obj.get("metadata") or {}).get("creationTimestamp")]


def _scale(obj: Object, view: View) -> list[Any]:
    return [name(obj), spec(obj).get("replicas", 0), status(obj).get("replicas", 0), age(obj, view)]


CREATED = Kind((NAME, Column("Created At", "date")), _created)
"""What the default convertor shows, without printers of its own."""
_EVENT_COLUMNS = (
    *columns("Last_Seen Type Reason Object | Subobject Source"),
    *columns("Message | First_Seen Count"),
    Column("Name", priority=1, format="name"),
)
_BINDING = Kind(columns("Name Role Age | Users Groups ServiceAccounts"), _binding)
_WEBHOOKS = Kind(columns("Name Webhooks:integer Age"), _webhooks)
_POLICY_BINDING = Kind(columns("Name PolicyName ParamRef Age"), _admission_binding)
_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
EVENT = Kind(_EVENT_COLUMNS, _event)
NAMED = Kind(columns("Name Age"), _named)

CLUSTER: dict[tuple[str, str], Kind] = {
    ("", "Node"): Kind(
        columns(
            "Name Status Roles Age Version | Internal-IP External-IP OS-Image Kernel-Version Container-Runtime"
        ),
        _node,
    ),
    ("", "Namespace"): Kind(columns("Name Status Age"), _namespace),
    ("", "Event"): EVENT,
    ("events.k8s.io", "Event"): EVENT,
    ("", "ServiceAccount"): NAMED,
    ("", "LimitRange"): CREATED,
    (_RBAC, "Role"): CREATED,
    (_RBAC, "ClusterRole"): CREATED,
    (_RBAC, "RoleBinding"): _BINDING,
    (_RBAC, "ClusterRoleBinding"): _BINDING,
    ("coordination.k8s.io", "Lease"): Kind(columns("Name Holder Age"), _lease),
    ("scheduling.k8s.io", "PriorityClass"): Kind(
        columns("Name Value:integer Global-Default:boolean Age PreemptionPolicy"), _priority_class
    ),
    ("node.k8s.io", "RuntimeClass"): Kind(columns("Name Handler Age"), _runtime_class),
    (_ADMISSION, "ValidatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "MutatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingAdmissionPolicy"): Kind(
        columns("Name Validations:integer ParamKind Age"), _admission_policy("validations")
    ),
    (_ADMISSION, "MutatingAdmissionPolicy"): Kind(
        columns("Name Mutations:integer ParamKind Age"), _admission_policy("mutations")
    ),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _POLICY_BINDING,
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): _POLICY_BINDING,
    ("certificates.k8s.io", "CertificateSigningRequest"): Kind(
        columns("Name Age SignerName Requestor RequestedDuration Condition"), _signing_request
    ),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): Kind(
        columns("Name PriorityLevel MatchingPrecedence DistinguisherMethod Age MissingPL"),
        _flow_schema,
        order=_precedence,
    ),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): Kind(
        columns("Name Type NominalConcurrencyShares Queues HandSize QueueLengthLimit Age"), _priority_level
    ),
    ("", "ComponentStatus"): Kind(columns("Name Status Message Error"), _component),
    ("apiregistration.k8s.io", "APIService"): Kind(columns("Name Service Available Age"), _api_service),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): CREATED,
    ("autoscaling", "Scale"): Kind(
        (Column("Name"), *columns("Desired:integer Available:integer Age")), _scale
    ),
}
