"""The custom resource definition of kustomize-controller.

**Imitates:** kustomize-controller config/crd (Kustomization v1), release 2.9: the same fields, patterns, columns and names. Left
out: descriptions, older versions, the CEL rules.
"""

from __future__ import annotations

from functools import cache

from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.crd_schema import (
    AGE,
    CONDITIONS,
    DURATION,
    FLAG,
    MAP,
    NAMED,
    READY,
    SELECTOR,
    STATUS,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    array,
    definition,
    obj,
    one_of,
)
from kcsim.delivery.gitops.flux.toolkit import KUSTOMIZE_GROUP

_AFFIX: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_KUSTOMIZATION_SPEC = obj(
    "interval prune sourceRef",
    buildMetadata=array(one_of("originAnnotations", "transformerAnnotations")),
    commonMetadata=obj(annotations=MAP, labels=MAP),
    components=array(TEXT),
    decryption=obj("provider", provider=one_of("sops"), secretRef=NAMED, serviceAccountName=TEXT),
    deletionPolicy=one_of("MirrorPrune", "Delete", "WaitForTermination", "Orphan"),
    dependsOn=array(obj("name", name=TEXT, namespace=TEXT, readyExpr=TEXT)),
    force={**FLAG, "default": False},
    healthCheckExprs=array(
        obj("apiVersion current", apiVersion=TEXT, current=TEXT, failed=TEXT, inProgress=TEXT, kind=TEXT)
    ),
    healthChecks=array(obj("kind name", apiVersion=TEXT, kind=TEXT, name=TEXT, namespace=TEXT)),
    ignore=array(obj("paths", paths=array(TEXT), target=SELECTOR)),
    ignoreMissingComponents=FLAG,
    images=array(obj("name", digest=TEXT, name=TEXT, newName=TEXT, newTag=TEXT)),
    interval=DURATION,
    kubeConfig=obj(configMapRef=NAMED, secretRef=obj("name", key=TEXT, name=TEXT)),
    namePrefix=_AFFIX,
    nameSuffix=_AFFIX,
    patches=array(obj("patch", patch=TEXT, target=SELECTOR)),
    path=TEXT,
    postBuild=obj(
        substitute=MAP,
        substituteFrom=array(
            obj(
                "kind name",
                kind=one_of("Secret", "ConfigMap"),
                name={"type": "string", "minLength": 1, "maxLength": 253},
                optional={**FLAG, "default": False},
            )
        ),
        substituteStrategy=one_of("WithVariables", "Always"),
    ),
    prune=FLAG,
    retryInterval=DURATION,
    serviceAccountName=TEXT,
    sourceRef=obj(
        "kind name",
        apiVersion=TEXT,
        kind=one_of("OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"),
        name=TEXT,
        namespace=TEXT,
    ),
    suspend=FLAG,
    targetNamespace={"type": "string", "minLength": 1, "maxLength": 63},
    timeout=DURATION,
    wait=FLAG,
)
_KUSTOMIZATION_STATUS = obj(
    conditions=CONDITIONS,
    history=array(
        obj(
            "digest firstReconciled lastReconciled lastReconciledDuration lastReconciledStatus totalReconciliations",
            digest=TEXT,
            firstReconciled=TIME,
            lastReconciled=TIME,
            lastReconciledDuration=TEXT,
            lastReconciledStatus=TEXT,
            metadata=MAP,
            totalReconciliations=WHOLE,
        )
    ),
    inventory=obj("entries", entries=array(obj("id v", id=TEXT, v=TEXT))),
    lastAppliedOriginRevision=TEXT,
    lastAppliedRevision=TEXT,
    lastAttemptedRevision=TEXT,
    lastHandledReconcileAt=TEXT,
    observedGeneration=WHOLE,
)


@cache
def kustomization() -> Object:
    """The definition of Kustomization (kustomize.toolkit.fluxcd.io/v1)."""
    return definition(
        KUSTOMIZE_GROUP,
        {"kind": "Kustomization", "plural": "kustomizations", "shortNames": ["ks"]},
        "fluxcd-appliers",
        [AGE, READY, STATUS],
        _KUSTOMIZATION_SPEC,
        _KUSTOMIZATION_STATUS,
    )
