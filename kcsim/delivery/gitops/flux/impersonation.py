"""As whom an applier acts: as itself, or as the ServiceAccount that an object names.

**Imitates:** fluxcd/pkg runtime/client (Impersonator), as helm-controller and kustomize-controller use it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.request import service_account
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.toolkit import spec
from kcsim.profile.api import ClientLimits

LIMITS = ClientLimits(50, 300)
"""--kube-api-qps, --kube-api-burst."""


class Impersonation:
    """The clients of one controller, one for each account."""

    def __init__(self, component: Component, default: str) -> None:
        """``default``: the account of objects that name none (--default-service-account); "" for the controller's own."""
        self._component = component
        self._default = default
        self._clients: dict[tuple[str, str], Client] = {}

    def client(self, obj: Object) -> Client:
        """The client to act with for an object."""
        component, namespace = self._component, objects.namespace(obj)
        name = spec(obj).get("serviceAccountName") or self._default
        if not name:
            return component.client
        client = self._clients.get((namespace, name))
        if client is None:
            client = self._clients[namespace, name] = Client(
                component.endpoint,
                service_account(namespace, name),
                component.host,
                user_agent=component.name,
                limits=LIMITS,
                stream=f"{component.name}/{namespace}/{name}",
            )
        return client

    def exists(self, obj: Object) -> Generator[Any, Any, bool]:
        """A task's steps: whether the account of an object is there; the controller itself always is."""
        name = spec(obj).get("serviceAccountName") or self._default
        if not name:
            return True
        try:
            yield self._component.client.get("serviceaccounts", objects.namespace(obj), name)
        except StatusError as error:
            if not error.is_not_found:
                raise
            return False
        return True
