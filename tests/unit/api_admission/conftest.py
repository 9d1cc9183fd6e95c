"""A server without controllers, asked directly."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.request import ADMIN, User
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.engine.core import Engine
from kcsim.network.topology import Network

ADMISSION = "admissionregistration.k8s.io/v1"


class Door:
    """Creates, changes and deletes; gives objects, or refusals as (code, message)."""

    def __init__(self) -> None:
        self.engine = Engine(1)
        network = Network()
        network.add_host("api", kind="control-plane")
        self.server = ApiServer(self.engine, checking=True)
        self.endpoint = Endpoint(self.engine, network, self.server, "api")
        self.client = DirectClient(self.endpoint, ADMIN, "api", user_agent="test")
        self.create("v1", "Namespace", "a", labels={"kubernetes.io/metadata.name": "a", "stage": "test"})
        self.create("v1", "ServiceAccount", "default")

    def as_user(self, name: str, *groups: str) -> DirectClient:
        """Somebody else, with every right."""
        return DirectClient(self.endpoint, User(name, (*groups, "system:masters")), "api", user_agent="test")

    def create(self, api_version: str, kind: str, name: str, client: Any = None, **members: Any) -> Any:
        metadata = {"name": name, **({"labels": members.pop("labels")} if "labels" in members else {})}
        if "annotations" in members:
            metadata["annotations"] = members.pop("annotations")
        obj = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **members}
        resource = self.server.catalog.of(obj)
        namespace = "a" if resource.namespaced else ""
        return self._asked((client or self.client).create(resource, obj, namespace))

    def patch(self, word: str, name: str, body: Any, client: Any = None, **options: Any) -> Any:
        resource = self.client.resource(word)
        namespace = "a" if resource.namespaced else ""
        return self._asked((client or self.client).patch(resource, namespace, name, body, **options))

    def delete(self, word: str, name: str, client: Any = None) -> Any:
        resource = self.client.resource(word)
        return self._asked((client or self.client).delete(resource, "a" if resource.namespaced else "", name))

    def get(self, word: str, name: str) -> Any:
        resource = self.client.resource(word)
        return self.client.now(self.client.get(resource, "a" if resource.namespaced else "", name))

    def _asked(self, call: Any) -> Any:
        try:
            return self.client.now(call)
        except StatusError as refusal:
            return refusal.code, refusal.message

    def warned(self, op_call: Any) -> tuple[str, ...]:
        """The warnings with which a call is answered."""
        return self.server.perform(op_call.op).warnings


@pytest.fixture
def door() -> Door:
    return Door()


def containers(*amounts: dict[str, Any]) -> dict[str, Any]:
    """A pod's spec, one container for each ``{"requests": ..., "limits": ...}``."""
    return {
        "containers": [
            {"name": f"c{i}", "image": "web:1", "resources": given} for i, given in enumerate(amounts)
        ]
    }
