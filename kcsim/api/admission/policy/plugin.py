"""The plugin: which policies are in force, and what becomes of a write that does not keep them.

**Imitates:** apiserver ``pkg/admission/plugin/policy/{generic,validating}`` (v1.36). Differs: a policy is in force from the moment it
is written (upstream: when the plugin's informers have it, within a second or two); policies are asked in the order of
their names. What ``Audit`` publishes goes nowhere: there is no audit log.

**Walk:** policies and bindings -> those that match the write -> parameters -> ``PolicyProgram.judge`` -> Deny: the first denial refuses;
Warn: every denial is told.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import selectors, status
from kcsim.api.admission.policy.authorizer import authorizer_value
from kcsim.api.admission.policy.matching import is_exempt, matches
from kcsim.api.admission.policy.program import Decision, PolicyProgram
from kcsim.api.admission.request import AdmissionRequest
from kcsim.api.admission.shelf import Shelf, served
from kcsim.api.catalog import Catalog
from kcsim.api.cel import library
from kcsim.api.log import Log, Version
from kcsim.api.objects import Object
from kcsim.api.rbac import Authorizer
from kcsim.api.resources import Resource, split_api_version

_GROUP = "admissionregistration.k8s.io"
_CODES = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413, "Invalid": 422}
_NAMESPACE_METADATA = (
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
    "finalizers",
)


class ConfigurationError(Exception):
    """A policy or a binding that cannot be asked."""


class Policies:
    """The validating admission policies of one server."""

    def __init__(self, log: Log, catalog: Catalog) -> None:
        self._log = log
        self._catalog = catalog
        self._policies = Shelf(log, served(catalog, _GROUP, "v1", "ValidatingAdmissionPolicy"), self._forget)
        self._bindings = Shelf(
            log, served(catalog, _GROUP, "v1", "ValidatingAdmissionPolicyBinding"), self._forget
        )
        self._namespaces = served(catalog, "", "v1", "Namespace")
        self._authorizer: Authorizer | None = None
        self._programs: dict[str, tuple[Version, PolicyProgram]] = {}
        self._hooks: list[tuple[Version, list[Version]]] | None = None

    @property
    def any(self) -> bool:
        """Whether a policy may be in force."""
        return self._bindings.any and self._policies.any

    def _forget(self) -> None:
        self._hooks = None

    def validate(self, request: AdmissionRequest) -> None:
        """Ask every policy in force.

        Raises:
            StatusError: the first denial of a binding that denies.
        """
        if is_exempt(request) or not library.available():
            return
        denials: list[tuple[str, str, Decision]] = []
        for policy, bindings in self._in_force():
            self._ask(request, policy, bindings, denials)
        if denials:
            raise _denied(request, *denials[0])

    def _in_force(self) -> list[tuple[Version, list[Version]]]:
        if self._hooks is None:
            bound: dict[str, list[Version]] = {}
            for binding in self._bindings.of():
                bound.setdefault(binding.object["spec"].get("policyName", ""), []).append(binding)
            self._hooks = [
                (policy, bound[policy.key[1]]) for policy in self._policies.of() if policy.key[1] in bound
            ]
        return self._hooks

    def _ask(
        self,
        request: AdmissionRequest,
        policy: Version,
        bindings: list[Version],
        denials: list[tuple[str, str, Decision]],
    ) -> None:
        spec, name = policy.object["spec"], policy.key[1]
        if not matches(spec.get("matchConstraints"), request, self._namespace):
            return
        program = self._program(policy)
        if program.error:
            if program.fails:
                denials.append((name, "", Decision(f"failed to configure policy: {program.error}")))
            return
        for binding in bindings:
            bound = binding.object["spec"]
            if not matches(bound.get("matchResources"), request, self._namespace):
                continue
            try:
                params = self._params(spec.get("paramKind"), bound.get("paramRef"), request.namespace)
            except ConfigurationError as error:
                if program.fails:
                    denials.append((name, binding.key[1], Decision(f"failed to configure binding: {error}")))
                continue
            for param in params:
                outcome = program.judge(self._values(request, param))
                for decision in outcome.denials:
                    self._act(request, bound, name, binding.key[1], decision, denials)

    @staticmethod
    def _act(
        request: AdmissionRequest,
        bound: Object,
        policy: str,
        binding: str,
        decision: Decision,
        denials: list[tuple[str, str, Decision]],
    ) -> None:
        for action in bound.get("validationActions") or ():
            if action == "Deny":
                denials.append((policy, binding, decision))
            elif action == "Warn":
                request.warnings.append(
                    f"Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}': "
                    f"{decision.message}"
                )

    def _program(self, policy: Version) -> PolicyProgram:
        known = self._programs.get(policy.key[1])
        if known is None or known[0].object["spec"] is not policy.object["spec"]:
            program = PolicyProgram(policy.object, self.authorizer)
            known = self._programs[policy.key[1]] = (policy, program)
        return known[1]

    @property
    def authorizer(self) -> Authorizer:
        """The rights that expressions ask about."""
        if self._authorizer is None:
            self._authorizer = Authorizer(self._log, self._catalog)
        return self._authorizer

    # --- what expressions see -----------------------------------------------------------------------------------

    def _namespace(self, name: str) -> Object | None:
        version = self._log.get(self._namespaces, "", name)
        return None if version is None else version.object

    def _values(self, request: AdmissionRequest, param: Object | None) -> dict[str, Any]:
        resource, op = request.resource, request.op
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        plural = {"group": resource.group, "version": resource.version, "resource": resource.plural}
        asked = {
            "kind": kind,
            "resource": plural,
            "subResource": op.subresource,
            "requestKind": kind,
            "requestResource": plural,
            "requestSubResource": op.subresource,
            "name": request.name,
            "namespace": request.namespace,
            "operation": request.action,
            "userInfo": {"username": op.user.name, "groups": list(op.user.groups)},
            "dryRun": op.dry_run,
            "options": None,
        }
        namespace = None
        if request.namespace and resource is not self._namespaces:
            namespace = _shown_namespace(self._namespace(request.namespace) or {})
        return {
            "object": request.object,
            "oldObject": request.old,
            "request": asked,
            "namespaceObject": namespace,
            "params": param,
            "authorizer": authorizer_value(
                op.user,
                group=resource.group,
                resource=resource.plural,
                subresource=op.subresource,
                namespace=request.namespace,
                name=request.name,
            ),
        }

    def _params(self, kind: Object | None, ref: Object | None, namespace: str) -> list[Object | None]:
        """The parameters to ask with; [None] for none, [] for a binding that then does not apply."""
        if kind is None or ref is None:
            return [None]
        group, version = split_api_version(kind["apiVersion"])
        resource = self._catalog.by_gvk((group, version, kind["kind"]))
        if resource is None:
            shown = f"&ParamKind{{APIVersion:{kind['apiVersion']},Kind:{kind['kind']},}}"
            raise ConfigurationError(f"paramKind kind `{shown}` not known")
        where = self._params_namespace(resource, ref, namespace)
        found: list[Object | None]
        if ref.get("name"):
            one = self._log.get(resource, where, ref["name"])
            found = [] if one is None else [one.object]
        else:
            chosen = selectors.from_object(ref.get("selector"))
            versions = self._log.list(resource, where if resource.namespaced else None)
            found = [v.object for v in versions if chosen.matches(v.object["metadata"].get("labels"))]
        if not found and ref.get("parameterNotFoundAction") == "Deny":
            raise ConfigurationError("no params found for policy binding with `Deny` parameterNotFoundAction")
        return found

    @staticmethod
    def _params_namespace(resource: Resource, ref: Object, namespace: str) -> str:
        given = ref.get("namespace") or ""
        if not resource.namespaced:
            if given:
                raise ConfigurationError(
                    "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
                )
            return ""
        if not given and not namespace:
            raise ConfigurationError(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
            )
        return str(given or namespace)


def _shown_namespace(namespace: Object) -> Object:
    metadata = {k: v for k, v in (namespace.get("metadata") or {}).items() if k in _NAMESPACE_METADATA}
    return {
        "metadata": metadata,
        "spec": namespace.get("spec") or {},
        "status": namespace.get("status") or {},
    }


def _denied(request: AdmissionRequest, policy: str, binding: str, decision: Decision) -> status.StatusError:
    with_binding = f" with binding '{binding}'" if binding else ""
    message = f"ValidatingAdmissionPolicy '{policy}'{with_binding} denied request: {decision.message}"
    refusal = request.forbidden(message)
    reason = decision.reason or "Invalid"
    details = {**(refusal.details or {}), "causes": [{"message": message}]}
    return status.StatusError(_CODES.get(reason, 422), reason, refusal.message, details)
