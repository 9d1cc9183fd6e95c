"""Nodes: what a new one is tainted with, and what a kubelet may touch.

**Imitates:** ``plugin/pkg/admission/nodetaint`` and ``plugin/pkg/admission/noderestriction`` (v1.36): pods, their status and
eviction, nodes, leases. Left out: claims, service account tokens, CSI nodes, the labels a kubelet may set on its node.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.admission.request import AdmissionRequest
from kcsim.api.objects import Object
from kcsim.api.request import User

_PREFIX = "system:node:"
_GROUP = "system:nodes"
_MIRROR = "kubernetes.io/config.mirror"
_LEASES = "kube-node-lease"
_RESTRICTED = "node-restriction.kubernetes.io/"


def with_taint(node: Object) -> Object:
    """TaintNodesByCondition: a new node is not ready until its conditions say so."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    taints = node["spec"].get("taints") or []
    if any(t.get("key") == taint["key"] and t.get("effect") == taint["effect"] for t in taints):
        return node
    return objects.assoc(node, ("spec", "taints"), [*taints, taint])  # type: ignore[no-any-return]


def node_of(user: User) -> str | None:
    """The node that a user speaks for; None for who is no kubelet."""
    if user.name.startswith(_PREFIX) and _GROUP in user.groups:
        return user.name.removeprefix(_PREFIX)
    return None


def restrict(request: AdmissionRequest, node: str, node_object: Object | None) -> None:
    """NodeRestriction: a kubelet may change its own node, and what is bound to it."""
    what = request.resource.group_resource
    if what == "pods":
        _restrict_pod(request, node, node_object)
    elif what == "nodes":
        _restrict_node(request, node)
    elif what == "leases.coordination.k8s.io":
        if request.namespace != _LEASES:
            raise request.forbidden(f'can only access leases in the "{_LEASES}" system namespace')
        if request.shown_name != node:
            raise request.forbidden("can only access node lease with the same name as the requesting node")


def _restrict_pod(request: AdmissionRequest, node: str, node_object: Object | None) -> None:
    new, old = request.object, request.old
    if request.subresource == "status":
        assert new is not None
        assert old is not None
        if old["spec"].get("nodeName") != node:
            who = f'node "{node}"'
            raise request.forbidden(
                f"{who} can only update pod status for pods with spec.nodeName set to itself"  # noqa: S608 (no SQL)
            )
        if objects.labels(old) != objects.labels(new):
            raise request.forbidden(f'node "{node}" cannot update labels through pod status')
    elif request.action == "CREATE" and new is not None:
        _restrict_new_pod(request, new, node, node_object)
    elif request.action == "DELETE" and old is not None:
        if old["spec"].get("nodeName") != node:
            raise request.forbidden(f'node "{node}" can only delete pods with spec.nodeName set to itself')
    else:
        why = f'unexpected operation "{request.action}", node "{node}" can only create and delete mirror pods'
        raise request.forbidden(why)


def _restrict_new_pod(request: AdmissionRequest, pod: Object, node: str, node_object: Object | None) -> None:
    who = f'node "{node}"'
    spec, owners = pod["spec"], objects.owner_refs(pod)
    if _MIRROR not in objects.annotations(pod):
        raise request.forbidden(
            f'pod does not have "{_MIRROR}" annotation, {who} can only create mirror pods'
        )
    if spec.get("nodeName") != node:
        raise request.forbidden(f"{who} can only create pods with spec.nodeName set to itself")
    if len(owners) > 1:
        raise request.forbidden(f"{who} can only create pods with a single owner reference set to itself")
    itself = f"{who} can only create pods with an owner reference set to itself"
    if not owners:
        raise request.forbidden(itself)
    owner = owners[0]
    if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
        raise request.forbidden(itself)
    if not owner.get("controller"):
        raise request.forbidden(f"{who} can only create pods with a controller owner reference set to itself")
    if owner.get("blockOwnerDeletion"):
        raise request.forbidden(f"{who} must not set blockOwnerDeletion on an owner reference")
    if node_object is not None and owner.get("uid") != objects.uid(node_object):
        raise request.forbidden(
            f"node {node} UID mismatch: expected {owner.get('uid')} got {objects.uid(node_object)}"
        )
    if spec.get("serviceAccountName"):
        raise request.forbidden(f"{who} can not create pods that reference a service account")
    for volume in spec.get("volumes") or ():
        for source, many in (("secret", "secrets"), ("configMap", "configmaps")):
            if source in volume:
                raise request.forbidden(f"{who} can not create pods that reference {many}")
        if "persistentVolumeClaim" in volume:
            raise request.forbidden(f"{who} can not create pods that reference persistentvolumeclaims")


def _restrict_node(request: AdmissionRequest, node: str) -> None:
    who = f'node "{node}"'
    if request.shown_name != node:
        raise request.forbidden(f'{who} is not allowed to modify node "{request.shown_name}"')
    new, old = request.object, request.old
    if new is None:
        return
    before = objects.labels(old) if old is not None else {}
    after = objects.labels(new)
    changed = sorted(
        key
        for key in {**before, **after}
        if key.startswith(_RESTRICTED) and before.get(key) != after.get(key)
    )
    if changed:
        word = "set" if old is None else "modify"
        raise request.forbidden(f"is not allowed to {word} the following labels: {', '.join(changed)}")
    if old is not None and (old["spec"].get("taints") or []) != (new["spec"].get("taints") or []):
        raise request.forbidden(f"{who} is not allowed to modify taints")
