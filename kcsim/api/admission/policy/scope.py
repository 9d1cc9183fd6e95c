"""What the expressions of a policy may use.

**Imitates:** apiserver ``pkg/admission/plugin/cel/compile.go`` (BuildRequestType, BuildNamespaceType; v1.36).
"""

from __future__ import annotations

from kcsim.api.admission.policy.authorizer import authorizer_functions
from kcsim.api.cel.errors import CompileError
from kcsim.api.cel.expression import Scope
from kcsim.api.cel.messages import Declarations
from kcsim.api.objects import Object
from kcsim.api.rbac import Authorizer
from kcsim.api.schemas.schema import Schema

_GVK = {"group": "string", "version": "string", "kind": "string"}
_GVR = {"group": "string", "version": "string", "resource": "string"}
_USER = {"username": "string", "uid": "string", "groups": "[]string", "extra": "dyn"}
_REQUEST = {
    "kind": "GroupVersionKind",
    "resource": "GroupVersionResource",
    "subResource": "string",
    "requestKind": "GroupVersionKind",
    "requestResource": "GroupVersionResource",
    "requestSubResource": "string",
    "name": "string",
    "namespace": "string",
    "operation": "string",
    "userInfo": "UserInfo",
    "dryRun": "bool",
    "options": "dyn",
}
_CONDITION = {
    "status": "string",
    "type": "string",
    "lastTransitionTime": "timestamp",
    "message": "string",
    "reason": "string",
}
_METADATA = {
    "name": "string",
    "generateName": "string",
    "namespace": "string",
    "labels": "{}string",
    "annotations": "{}string",
    "UID": "string",
    "creationTimestamp": "timestamp",
    "deletionGracePeriodSeconds": "int",
    "deletionTimestamp": "timestamp",
    "generation": "int",
    "resourceVersion": "string",
    "finalizers": "[]string",
}


def policy_scope(
    authorizer: Authorizer,
    spec: Object,
    *,
    has_authorizer: bool = True,
    variables: bool = True,
    schema: Schema | None = None,
    params: Schema | None = None,
) -> Scope:
    """The scope of a policy's expressions; with schemas, objects and parameters have their types."""
    declarations = Declarations()
    declarations.struct("GroupVersionKind", _GVK)
    declarations.struct("GroupVersionResource", _GVR)
    declarations.struct("UserInfo", _USER)
    declarations.struct("AdmissionRequest", _REQUEST)
    declarations.struct("NamespaceCondition", _CONDITION)
    declarations.struct("NamespaceStatus", {"conditions": "[]NamespaceCondition", "phase": "string"})
    declarations.struct("NamespaceSpec", {"finalizers": "[]string"})
    declarations.struct("NamespaceMetadata", _METADATA)
    declarations.struct(
        "Namespace", {"metadata": "NamespaceMetadata", "spec": "NamespaceSpec", "status": "NamespaceStatus"}
    )
    kind = declarations.type_of(schema) if schema is not None else "dyn"
    declared = {
        "object": kind,
        "oldObject": kind,
        "namespaceObject": "Namespace",
        "request": "AdmissionRequest",
    }
    if spec.get("paramKind"):
        declared["params"] = declarations.type_of(params) if params is not None else "dyn"
    if has_authorizer:
        declared["authorizer"] = "Authorizer"
    scope = Scope(declared, declarations, authorizer_functions(authorizer))
    for variable in spec.get("variables") or () if variables else ():
        declare_variable(scope, variable)
    return scope


def declare_variable(scope: Scope, variable: Object) -> str:
    """Let later expressions use ``variables.name``; gives what is wrong with the variable's own expression, "" for nothing."""
    name = f"variables.{variable.get('name') or ''}"
    try:
        kind = scope.check(variable.get("expression") or "")
    except CompileError as error:
        scope.with_variable(name, "dyn")
        return str(error)
    scope.with_variable(name, kind if kind in _SCALARS else "dyn")
    return ""


_SCALARS = frozenset(("bool", "int", "double", "string", "bytes", "timestamp", "duration"))
