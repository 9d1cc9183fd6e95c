"""The service account controller and the root CA publisher: two things every namespace holds.

**Imitates:** ``pkg/controller/serviceaccount/serviceaccounts_controller.go`` and
``pkg/controller/certificates/rootcacertpublisher`` (v1.36). Differs: the certificate is no certificate; nothing here
checks one.
**Walk:** a namespace appears, or what it should hold goes or changes -> its key -> created or put right.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps

ACCOUNT = "default"
ROOT_CA = "kube-root-ca.crt"
_DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)
_LINE = 64

Key = tuple[str, str]


def certificate(cluster: str) -> str:
    """Something that looks like the cluster's root certificate, the same in every run."""
    content = b"".join(hashlib.sha512(f"{cluster}/{part}".encode()).digest() for part in range(12))
    text = base64.b64encode(content).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


class _ForEachNamespace(Reconciler):
    """Looks at active namespaces when they, or objects of one kind and name in them, change."""

    resource: str
    held: str

    def setup(self, component: Component) -> None:
        """Subscribe to namespaces and to what they hold."""
        self.namespaces = component.informer("namespaces")
        self.namespaces.on_change(self._namespace_changed)
        self.things = component.informer(self.resource)
        self.things.on_change(self._thing_changed)

    def _namespace_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None:
            self.enqueue(objects.key(new))

    def _thing_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        if obj is not None and objects.name(obj) == self.held:
            self.enqueue(("", objects.namespace(obj)))

    def reconcile(self, key: Key) -> Steps | None:
        """Give the namespace what it lacks."""
        namespace = self.namespaces.get(*key)
        if namespace is None or (namespace.get("status") or {}).get("phase") != "Active":
            return None
        current = self.things.get(key[1], self.held)
        wanted = self.wanted(key[1])
        if current is not None and self.is_right(current, wanted):
            return None
        return self._write(key[1], current, wanted)

    def _write(self, namespace: str, current: Object | None, wanted: Object) -> Steps:
        try:
            if current is None:
                yield self.client.create(self.resource, wanted, namespace)
            else:
                yield self.client.update(self.resource, {**current, "data": wanted.get("data")})
        except StatusError as error:
            if not (error.is_already_exists or error.is_not_found or error.code == 403):
                raise
        return None

    def wanted(self, namespace: str) -> Object:
        """The object as it should be."""
        raise NotImplementedError

    def is_right(self, current: Object, wanted: Object) -> bool:
        """Whether nothing needs to be done."""
        raise NotImplementedError


class ServiceAccountController(_ForEachNamespace):
    """Keeps a ``default`` service account in each namespace."""

    name = "service-account-controller"
    resource = "serviceaccounts"
    held = ACCOUNT

    def wanted(self, namespace: str) -> Object:
        """An empty account."""
        metadata = {"name": ACCOUNT, "namespace": namespace}
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}

    def is_right(self, current: Object, wanted: Object) -> bool:
        """Any account of the name will do."""
        del current, wanted
        return True


class RootCACertPublisher(_ForEachNamespace):
    """Keeps the root certificate in a ConfigMap of each namespace."""

    name = "root-ca-cert-publisher"
    resource = "configmaps"
    held = ROOT_CA

    def wanted(self, namespace: str) -> Object:
        """The ConfigMap."""
        metadata: dict[str, Any] = {"name": ROOT_CA, "namespace": namespace}
        metadata["annotations"] = {"kubernetes.io/description": _DESCRIPTION}
        data = {"ca.crt": certificate(self.component.endpoint.server.cluster)}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    def is_right(self, current: Object, wanted: Object) -> bool:
        """Nobody has touched the certificate."""
        return bool(current.get("data") == wanted["data"])
