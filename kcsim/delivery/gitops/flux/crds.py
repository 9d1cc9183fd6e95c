"""The custom resource definitions of the kinds that these controllers reconcile.

**Imitates:** source-controller config/crd (GitRepository v1), kustomize-controller config/crd (Kustomization v1), release
2.9: the same fields, patterns, columns and names. Left out: descriptions, older versions, the CEL rules.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.toolkit import KUSTOMIZE_GROUP, SOURCE_GROUP

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_WHOLE: Schema = {"type": "integer", "format": "int64"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}
_SHORT_DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$", "default": "60s"}


def _object(required: str = "", /, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required.split()} if required else schema


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_MAP: Schema = {"type": "object", "additionalProperties": _TEXT}
_NAMED = _object("name", name=_TEXT)
_SELECTOR = _object(
    annotationSelector=_TEXT,
    group=_TEXT,
    kind=_TEXT,
    labelSelector=_TEXT,
    name=_TEXT,
    namespace=_TEXT,
    version=_TEXT,
)
_CONDITIONS = _list(
    _object(
        "lastTransitionTime message reason status type",
        lastTransitionTime=_TIME,
        message={"type": "string", "maxLength": 32768},
        observedGeneration={**_WHOLE, "minimum": 0},
        reason={"type": "string", "maxLength": 1024, "minLength": 1},
        status=_one_of("True", "False", "Unknown"),
        type={"type": "string", "maxLength": 316},
    )
)
_ARTIFACT = _object(
    "digest lastUpdateTime path revision url",
    digest=_TEXT,
    lastUpdateTime=_TIME,
    metadata=_MAP,
    path=_TEXT,
    revision=_TEXT,
    size=_WHOLE,
    url=_TEXT,
)
_INCLUDES = _list(_object("repository", fromPath=_TEXT, repository=_NAMED, toPath=_TEXT))

_GIT_REPOSITORY_SPEC = _object(
    "interval url",
    ignore=_TEXT,
    include=_INCLUDES,
    interval=_DURATION,
    provider=_one_of("generic", "aws", "azure", "github"),
    proxySecretRef=_NAMED,
    recurseSubmodules=_FLAG,
    ref=_object(branch=_TEXT, commit=_TEXT, name=_TEXT, semver=_TEXT, tag=_TEXT),
    secretRef=_NAMED,
    serviceAccountName=_TEXT,
    sparseCheckout=_list(_TEXT),
    suspend=_FLAG,
    timeout=_SHORT_DURATION,
    url={"type": "string", "pattern": "^(http|https|ssh)://.*$"},
    verify=_object(
        "secretRef",
        mode={**_one_of("head", "HEAD", "Tag", "TagAndHEAD"), "default": "HEAD"},
        secretRef=_NAMED,
    ),
)
_GIT_REPOSITORY_STATUS = _object(
    artifact=_ARTIFACT,
    conditions=_CONDITIONS,
    includedArtifacts=_list(_ARTIFACT),
    lastHandledReconcileAt=_TEXT,
    observedGeneration=_WHOLE,
    observedIgnore=_TEXT,
    observedInclude=_INCLUDES,
    observedRecurseSubmodules=_FLAG,
    observedSparseCheckout=_list(_TEXT),
    sourceVerificationMode=_TEXT,
)
_AFFIX: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_KUSTOMIZATION_SPEC = _object(
    "interval prune sourceRef",
    buildMetadata=_list(_one_of("originAnnotations", "transformerAnnotations")),
    commonMetadata=_object(annotations=_MAP, labels=_MAP),
    components=_list(_TEXT),
    decryption=_object("provider", provider=_one_of("sops"), secretRef=_NAMED, serviceAccountName=_TEXT),
    deletionPolicy=_one_of("MirrorPrune", "Delete", "WaitForTermination", "Orphan"),
    dependsOn=_list(_object("name", name=_TEXT, namespace=_TEXT, readyExpr=_TEXT)),
    force={**_FLAG, "default": False},
    healthCheckExprs=_list(
        _object(
            "apiVersion current", apiVersion=_TEXT, current=_TEXT, failed=_TEXT, inProgress=_TEXT, kind=_TEXT
        )
    ),
    healthChecks=_list(_object("kind name", apiVersion=_TEXT, kind=_TEXT, name=_TEXT, namespace=_TEXT)),
    ignore=_list(_object("paths", paths=_list(_TEXT), target=_SELECTOR)),
    ignoreMissingComponents=_FLAG,
    images=_list(_object("name", digest=_TEXT, name=_TEXT, newName=_TEXT, newTag=_TEXT)),
    interval=_DURATION,
    kubeConfig=_object(configMapRef=_NAMED, secretRef=_object("name", key=_TEXT, name=_TEXT)),
    namePrefix=_AFFIX,
    nameSuffix=_AFFIX,
    patches=_list(_object("patch", patch=_TEXT, target=_SELECTOR)),
    path=_TEXT,
    postBuild=_object(
        substitute=_MAP,
        substituteFrom=_list(
            _object(
                "kind name",
                kind=_one_of("Secret", "ConfigMap"),
                name={"type": "string", "minLength": 1, "maxLength": 253},
                optional={**_FLAG, "default": False},
            )
        ),
        substituteStrategy=_one_of("WithVariables", "Always"),
    ),
    prune=_FLAG,
    retryInterval=_DURATION,
    serviceAccountName=_TEXT,
    sourceRef=_object(
        "kind name",
        apiVersion=_TEXT,
        kind=_one_of("OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"),
        name=_TEXT,
        namespace=_TEXT,
    ),
    suspend=_FLAG,
    targetNamespace={"type": "string", "minLength": 1, "maxLength": 63},
    timeout=_DURATION,
    wait=_FLAG,
)
_KUSTOMIZATION_STATUS = _object(
    conditions=_CONDITIONS,
    history=_list(
        _object(
            "digest firstReconciled lastReconciled lastReconciledDuration lastReconciledStatus totalReconciliations",
            digest=_TEXT,
            firstReconciled=_TIME,
            lastReconciled=_TIME,
            lastReconciledDuration=_TEXT,
            lastReconciledStatus=_TEXT,
            metadata=_MAP,
            totalReconciliations=_WHOLE,
        )
    ),
    inventory=_object("entries", entries=_list(_object("id v", id=_TEXT, v=_TEXT))),
    lastAppliedOriginRevision=_TEXT,
    lastAppliedRevision=_TEXT,
    lastAttemptedRevision=_TEXT,
    lastHandledReconcileAt=_TEXT,
    observedGeneration=_WHOLE,
)

_AGE = {"jsonPath": ".metadata.creationTimestamp", "name": "Age", "type": "date"}
_READY = {"jsonPath": '.status.conditions[?(@.type=="Ready")].status', "name": "Ready", "type": "string"}
_STATUS = {"jsonPath": '.status.conditions[?(@.type=="Ready")].message', "name": "Status", "type": "string"}
_URL = {"jsonPath": ".spec.url", "name": "URL", "type": "string"}


def git_repository() -> Object:
    """The definition of GitRepository (source.toolkit.fluxcd.io/v1)."""
    return _definition(
        SOURCE_GROUP,
        {"kind": "GitRepository", "plural": "gitrepositories", "shortNames": ["gitrepo"]},
        "fluxcd-sources",
        [_URL, _AGE, _READY, _STATUS],
        _GIT_REPOSITORY_SPEC,
        _GIT_REPOSITORY_STATUS,
    )


def kustomization() -> Object:
    """The definition of Kustomization (kustomize.toolkit.fluxcd.io/v1)."""
    return _definition(
        KUSTOMIZE_GROUP,
        {"kind": "Kustomization", "plural": "kustomizations", "shortNames": ["ks"]},
        "fluxcd-appliers",
        [_AGE, _READY, _STATUS],
        _KUSTOMIZATION_SPEC,
        _KUSTOMIZATION_STATUS,
    )


def _definition(
    group: str, names: dict[str, Any], category: str, columns: list[Object], spec: Schema, status: Schema
) -> Object:
    kind = names["kind"]
    schema = {
        "type": "object",
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {"type": "object"},
            "spec": spec,
            "status": {**status, "default": {"observedGeneration": -1}},
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{names['plural']}.{group}",
            "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"},
        },
        "spec": {
            "group": group,
            "names": {
                "categories": ["all", "fluxcd", category],
                "listKind": f"{kind}List",
                "singular": kind.lower(),
                **names,
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
