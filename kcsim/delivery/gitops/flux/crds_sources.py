"""The custom resource definitions of source-controller and source-watcher.

**Imitates:** source-controller config/crd (GitRepository, OCIRepository, Bucket, ExternalArtifact v1), release 2.9, and source-watcher
config/crd (ArtifactGenerator v1beta1), 2.2: the same fields, patterns, columns and names. Left out: descriptions, older versions, the
CEL rules, HelmRepository and HelmChart.
"""

from __future__ import annotations

from functools import cache

from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.crd_schema import (
    AGE,
    ARTIFACT,
    CLOUD,
    CONDITIONS,
    DURATION,
    FLAG,
    MAP,
    NAMED,
    READY,
    SHORT_DURATION,
    STATUS,
    TEXT,
    URL,
    VERIFY,
    WHOLE,
    array,
    definition,
    obj,
    one_of,
)
from kcsim.delivery.gitops.flux.toolkit import EXTENSIONS_GROUP, SOURCE_GROUP

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


@cache
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
    provider=CLOUD,
    proxySecretRef=NAMED,
    ref=obj(digest=TEXT, semver=TEXT, semverFilter=TEXT, tag=TEXT),
    secretRef=NAMED,
    serviceAccountName=TEXT,
    suspend=FLAG,
    timeout=SHORT_DURATION,
    url={"type": "string", "pattern": "^oci://.*$"},
    verify=VERIFY,
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


@cache
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


@cache
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


_REFERENCE = obj("kind name", apiVersion=TEXT, kind=TEXT, name=TEXT, namespace=TEXT)
_SOURCE_KIND = {"jsonPath": ".spec.sourceRef.name", "name": "Source", "type": "string"}


@cache
def external_artifact() -> Object:
    """The definition of ExternalArtifact (source.toolkit.fluxcd.io/v1)."""
    return definition(
        SOURCE_GROUP,
        {"kind": "ExternalArtifact", "plural": "externalartifacts"},
        "fluxcd-sources",
        [AGE, READY, STATUS, _SOURCE_KIND],
        obj(sourceRef=_REFERENCE),
        obj(artifact=ARTIFACT, conditions=CONDITIONS),
        observes=False,
    )


_ALIAS = "[a-z0-9]([a-z0-9_-]*[a-z0-9])?"
_COPY = obj(
    "from to",
    **{
        "from": {"type": "string", "pattern": f"^@({_ALIAS})/(.*)$", "minLength": 1, "maxLength": 1024},
        "to": {"type": "string", "pattern": "^@(artifact)/(.*)$", "minLength": 1, "maxLength": 1024},
        "exclude": {**array(TEXT), "maxItems": 100},
        "strategy": one_of("Overwrite", "Merge", "Extract"),
    },
)
_OF_ALIAS = {"type": "string", "pattern": f"^@({_ALIAS})$", "maxLength": 64}
_NAME_OF_OBJECT = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 253}
_ARTIFACT_GENERATOR_SPEC = obj(
    "artifacts sources",
    artifacts={
        **array(
            obj(
                "copy name",
                copy={**array(_COPY), "minItems": 1},
                name={"type": "string", "minLength": 1, "maxLength": 253},
                originRevision=_OF_ALIAS,
                revision=_OF_ALIAS,
            )
        ),
        "minItems": 1,
        "maxItems": 1000,
    },
    commonMetadata=obj(annotations=MAP, labels=MAP),
    pathPattern={"type": "string", "pattern": f"^@({_ALIAS})/(.*)$", "maxLength": 1024},
    sources={
        **array(
            obj(
                "alias kind name",
                alias={"type": "string", "pattern": f"^{_ALIAS}$", "maxLength": 63},
                kind=one_of("Bucket", "GitRepository", "OCIRepository", "HelmChart", "ExternalArtifact"),
                name=_NAME_OF_OBJECT,
                namespace={**_NAME_OF_OBJECT, "minLength": 1, "maxLength": 63},
            )
        ),
        "minItems": 1,
        "maxItems": 1000,
    },
)


@cache
def artifact_generator() -> Object:
    """The definition of ArtifactGenerator (source.extensions.fluxcd.io/v1beta1)."""
    reference = obj("digest filename name namespace", digest=TEXT, filename=TEXT, name=TEXT, namespace=TEXT)
    status = obj(
        conditions=CONDITIONS,
        inventory=array(reference),
        lastHandledReconcileAt=TEXT,
        observedSourcesDigest=TEXT,
    )
    return definition(
        EXTENSIONS_GROUP,
        {"kind": "ArtifactGenerator", "plural": "artifactgenerators", "shortNames": ["ag"]},
        "fluxcd-sources",
        [AGE, READY, STATUS],
        _ARTIFACT_GENERATOR_SPEC,
        status,
        version="v1beta1",
        observes=False,
    )
