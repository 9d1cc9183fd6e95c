"""The custom resource definitions of source-controller.

**Imitates:** source-controller config/crd (GitRepository, OCIRepository, Bucket v1), release 2.9: the same fields, patterns, columns
and names. Left out: descriptions, older versions, the CEL rules, HelmRepository, HelmChart and ExternalArtifact.
"""

from __future__ import annotations

from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.crd_schema import (
    AGE,
    ARTIFACT,
    CONDITIONS,
    DURATION,
    FLAG,
    NAMED,
    READY,
    SHORT_DURATION,
    STATUS,
    TEXT,
    URL,
    WHOLE,
    array,
    definition,
    obj,
    one_of,
)
from kcsim.delivery.gitops.flux.toolkit import SOURCE_GROUP

_INCLUDES = array(obj("repository", fromPath=TEXT, repository=NAMED, toPath=TEXT))

_GIT_REPOSITORY_SPEC = obj(
    "interval url",
    ignore=TEXT,
    include=_INCLUDES,
    interval=DURATION,
    provider=one_of("generic", "aws", "azure", "github"),
    proxySecretRef=NAMED,
    recurseSubmodules=FLAG,
    ref=obj(branch=TEXT, commit=TEXT, name=TEXT, semver=TEXT, tag=TEXT),
    secretRef=NAMED,
    serviceAccountName=TEXT,
    sparseCheckout=array(TEXT),
    suspend=FLAG,
    timeout=SHORT_DURATION,
    url={"type": "string", "pattern": "^(http|https|ssh)://.*$"},
    verify=obj(
        "secretRef",
        mode={**one_of("head", "HEAD", "Tag", "TagAndHEAD"), "default": "HEAD"},
        secretRef=NAMED,
    ),
)
_GIT_REPOSITORY_STATUS = obj(
    artifact=ARTIFACT,
    conditions=CONDITIONS,
    includedArtifacts=array(ARTIFACT),
    lastHandledReconcileAt=TEXT,
    observedGeneration=WHOLE,
    observedIgnore=TEXT,
    observedInclude=_INCLUDES,
    observedRecurseSubmodules=FLAG,
    observedSparseCheckout=array(TEXT),
    sourceVerificationMode=TEXT,
)


def git_repository() -> Object:
    """The definition of GitRepository (source.toolkit.fluxcd.io/v1)."""
    return definition(
        SOURCE_GROUP,
        {"kind": "GitRepository", "plural": "gitrepositories", "shortNames": ["gitrepo"]},
        "fluxcd-sources",
        [URL, AGE, READY, STATUS],
        _GIT_REPOSITORY_SPEC,
        _GIT_REPOSITORY_STATUS,
    )


_OCI_REPOSITORY_SPEC = obj(
    "interval url",
    certSecretRef=NAMED,
    ignore=TEXT,
    insecure=FLAG,
    interval=DURATION,
    layerSelector=obj(mediaType=TEXT, operation=one_of("extract", "copy")),
    provider={**one_of("generic", "aws", "azure", "gcp"), "default": "generic"},
    proxySecretRef=NAMED,
    ref=obj(digest=TEXT, semver=TEXT, semverFilter=TEXT, tag=TEXT),
    secretRef=NAMED,
    serviceAccountName=TEXT,
    suspend=FLAG,
    timeout=SHORT_DURATION,
    url={"type": "string", "pattern": "^oci://.*$"},
    verify=obj(
        "provider",
        matchOIDCIdentity=array(obj("issuer subject", issuer=TEXT, subject=TEXT)),
        provider={**one_of("cosign", "notation"), "default": "cosign"},
        secretRef=NAMED,
    ),
)
_OCI_REPOSITORY_STATUS = obj(
    artifact=ARTIFACT,
    conditions=CONDITIONS,
    lastHandledReconcileAt=TEXT,
    observedGeneration=WHOLE,
    observedIgnore=TEXT,
    observedLayerSelector=obj(mediaType=TEXT, operation=one_of("extract", "copy")),
    url=TEXT,
)
_BUCKET_SPEC = obj(
    "bucketName endpoint interval",
    bucketName=TEXT,
    certSecretRef=NAMED,
    endpoint=TEXT,
    ignore=TEXT,
    insecure=FLAG,
    interval=DURATION,
    prefix=TEXT,
    provider={**one_of("generic", "aws", "gcp", "azure"), "default": "generic"},
    proxySecretRef=NAMED,
    region=TEXT,
    secretRef=NAMED,
    serviceAccountName=TEXT,
    sts=obj("endpoint provider", certSecretRef=NAMED, endpoint=TEXT, provider=TEXT, secretRef=NAMED),
    suspend=FLAG,
    timeout=SHORT_DURATION,
)
_BUCKET_STATUS = obj(
    artifact=ARTIFACT,
    conditions=CONDITIONS,
    lastHandledReconcileAt=TEXT,
    observedGeneration=WHOLE,
    observedIgnore=TEXT,
    url=TEXT,
)
_ENDPOINT = {"jsonPath": ".spec.endpoint", "name": "Endpoint", "type": "string"}


def oci_repository() -> Object:
    """The definition of OCIRepository (source.toolkit.fluxcd.io/v1)."""
    return definition(
        SOURCE_GROUP,
        {"kind": "OCIRepository", "plural": "ocirepositories", "shortNames": ["ocirepo"]},
        "fluxcd-sources",
        [URL, READY, STATUS, AGE],
        _OCI_REPOSITORY_SPEC,
        _OCI_REPOSITORY_STATUS,
    )


def bucket() -> Object:
    """The definition of Bucket (source.toolkit.fluxcd.io/v1)."""
    return definition(
        SOURCE_GROUP,
        {"kind": "Bucket", "plural": "buckets"},
        "fluxcd-sources",
        [_ENDPOINT, AGE, READY, STATUS],
        _BUCKET_SPEC,
        _BUCKET_STATUS,
    )
