"""Controllers that users bring: programs with an identity and rights of their own beside the control plane.

**Imitates:** how an operator is deployed: a ServiceAccount, a ClusterRole with what it needs, a binding, one process
(leader election is left out: there is one instance). The process runs on the control plane's machine, as a static pod
would; ``component-crash`` with its name kills it.

**Walk:** ``install`` -> ServiceAccount, ClusterRole and binding -> a ``Component`` that runs the reconciler -> it starts.
``enabled`` says which of the built-in controllers a controller manager runs, by the words of its ``--controllers`` flag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.kit.brought import Brought
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.objects import Object
from kcsim.api.request import User, service_account
from kcsim.simulation.bootstrap_policy import cluster_role, cluster_role_binding

Make = Callable[[], Reconciler]
Rules = Sequence[Object]
"""RBAC rules as in a ClusterRole: apiGroups, resources, verbs."""

EVERYTHING: Rules = ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},)


def install(
    endpoint: Endpoint,
    admin: DirectClient,
    reconciler: Reconciler,
    *,
    name: str,
    namespace: str = "default",
    rules: Rules | None = None,
    user: str = "",
) -> Component:
    """Start a controller as a program of its own; gives its component, which ``stop`` crashes and ``start`` restarts.

    Args:
        name: of the program, its ServiceAccount and its ClusterRole.
        namespace: where its ServiceAccount lives; made when it is not there.
        rules: what it may do; the reconciler's attribute ``rules`` when None, and everything when it has none.
        user: run as this user, who has rights already, e.g. ``system:kube-controller-manager``.
    """
    if endpoint.server.log.get(admin.resource("namespaces"), "", namespace) is None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        admin.now(admin.create("namespaces", body))
    identity = User(user) if user else service_account(namespace, name)
    if not user:
        granted = rules if rules is not None else getattr(reconciler, "rules", None)
        for resource, obj in _rights(name, namespace, EVERYTHING if granted is None else granted):
            admin.now(admin.create(resource, obj))
    component = Brought(endpoint, name, identity, endpoint.host)
    component.run(reconciler)
    component.start()
    return component


def _rights(name: str, namespace: str, rules: Rules) -> Iterable[tuple[str, Object]]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    yield "serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    yield "clusterroles", cluster_role(name, [dict(rule) for rule in rules])
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    yield "clusterrolebindings", cluster_role_binding(name, name, subject)


def enabled(name: str, controllers: Sequence[str]) -> bool:
    """Whether ``--controllers`` runs a controller: ``*`` means all, ``-name`` all but that one, ``name`` that one.

    Source: k8s.io/controller-manager/app, IsControllerEnabled.
    """
    wanted = {_plain(word) for word in controllers}
    return _plain(name) in wanted or ("*" in wanted and f"-{_plain(name)}" not in wanted)


def _plain(word: str) -> str:
    """A controller's name without what its old and new names differ in: ``replicaset``, ``replicaset-controller``."""
    off = "-" if word.startswith("-") else ""
    return off + word.removeprefix("-").removesuffix("-controller").replace("-", "")


def unknown(controllers: Sequence[str], known: Iterable[str]) -> list[str]:
    """The words of ``--controllers`` that name no controller."""
    names = {_plain(name) for name in known} | {"*"}
    return [word for word in controllers if _plain(word).removeprefix("-") not in names]
