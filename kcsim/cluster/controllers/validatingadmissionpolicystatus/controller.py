"""The ValidatingAdmissionPolicy status controller: says what is wrong with the types in a policy.

**Imitates:** ``pkg/controller/validatingadmissionpolicystatus/controller.go`` (v1.36): each generation is checked once, the result
is applied by the manager ``validatingadmissionpolicy-status``.

**Walk:** a policy whose generation was not seen -> ``type_warnings`` against the schemas of what it matches -> status applied.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.cel import library
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.resources import GVK
from kcsim.api.schemas.definitions import definition
from kcsim.api.schemas.schema import Schema
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps

_POLICIES = "validatingadmissionpolicies.admissionregistration.k8s.io"
MANAGER = "validatingadmissionpolicy-status"


class PolicyStatusController(Reconciler):
    """Keeps status.typeChecking of ValidatingAdmissionPolicies."""

    name = "validatingadmissionpolicy-status-controller"
    workers = 5

    def setup(self, component: Component) -> None:
        """Subscribe to policies."""
        self.policies = component.informer(_POLICIES)
        self.policies.on_change(self._changed)

    def _changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None:
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Steps | None:
        """Check a generation that was not checked yet."""
        policy = self.policies.get(*key)
        if policy is None or not library.available():
            return None
        generation = policy["metadata"].get("generation", 0)
        if (policy.get("status") or {}).get("observedGeneration", 0) >= generation:
            return None
        return self._check(policy, generation)

    def _check(self, policy: Object, generation: int) -> Steps:
        from kcsim.api.admission.policy.typechecking import type_warnings

        server = self.component.endpoint.server
        warnings = type_warnings(policy, server.catalog, self._schema_of, server.authorizer)
        checked: dict[str, Any] = {"expressionWarnings": warnings} if warnings else {}
        config = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": objects.name(policy)},
            "status": {"observedGeneration": generation, "typeChecking": checked},
        }
        try:
            yield self.client.patch(
                _POLICIES,
                "",
                objects.name(policy),
                config,
                type="apply",
                subresource="status",
                field_manager=MANAGER,
                force=True,
            )
        except StatusError as error:
            if not error.is_not_found:
                raise
        return None

    def _schema_of(self, gvk: GVK) -> Schema | None:
        return self.component.endpoint.server.store.typed.custom_schemas.get(gvk) or definition(gvk)
