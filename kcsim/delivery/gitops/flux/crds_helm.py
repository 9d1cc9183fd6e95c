"""The custom resource definitions that charts are delivered with: HelmRepository and HelmChart of source-controller, HelmRelease.

**Imitates:** source-controller config/crd (HelmRepository, HelmChart v1) and helm-controller config/crd (HelmRelease v2), release 2.9:
the same fields, patterns, columns and names. Left out: descriptions, older versions, the CEL rules. They come with helm-controller.
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
    SELECTOR,
    SHORT_DURATION,
    SIGNER,
    STATUS,
    TEXT,
    TIME,
    URL,
    VERIFY,
    WHOLE,
    Schema,
    array,
    definition,
    obj,
    one_of,
)
from kcsim.delivery.gitops.flux.toolkit import HELM_GROUP, SOURCE_GROUP

_ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
_STRATEGY = {**one_of("ChartVersion", "Revision"), "default": "ChartVersion"}
_VERSION = {"type": "string", "default": "*"}
_HELM_REPOSITORY_SPEC = obj(
    "url",
    accessFrom=obj("namespaceSelectors", namespaceSelectors=array(obj(matchLabels=MAP))),
    certSecretRef=NAMED,
    insecure=FLAG,
    interval=DURATION,
    passCredentials=FLAG,
    provider=CLOUD,
    secretRef=NAMED,
    suspend=FLAG,
    timeout={key: value for key, value in SHORT_DURATION.items() if key != "default"},
    type=one_of("default", "oci"),
    url={"type": "string", "pattern": "^(http|https|oci)://.*$"},
)
_HELM_REPOSITORY_STATUS = obj(
    artifact=ARTIFACT,
    conditions=CONDITIONS,
    lastHandledReconcileAt=TEXT,
    observedGeneration=WHOLE,
    url=TEXT,
)
_HELM_CHART_SPEC = obj(
    "chart interval sourceRef",
    chart=TEXT,
    ignoreMissingValuesFiles=FLAG,
    interval=DURATION,
    reconcileStrategy=_STRATEGY,
    sourceRef=obj(
        "kind name",
        apiVersion=TEXT,
        kind=one_of("HelmRepository", "GitRepository", "Bucket"),
        name=TEXT,
    ),
    suspend=FLAG,
    valuesFiles=array(TEXT),
    verify=VERIFY,
    version=_VERSION,
)
_HELM_CHART_STATUS = obj(
    artifact=ARTIFACT,
    conditions=CONDITIONS,
    lastHandledReconcileAt=TEXT,
    observedChartName=TEXT,
    observedGeneration=WHOLE,
    observedSourceArtifactRevision=TEXT,
    observedValuesFiles=array(TEXT),
    url=TEXT,
)


@cache
def helm_repository() -> Object:
    """The definition of HelmRepository (source.toolkit.fluxcd.io/v1)."""
    return definition(
        SOURCE_GROUP,
        {"kind": "HelmRepository", "plural": "helmrepositories", "shortNames": ["helmrepo"]},
        "fluxcd-sources",
        [URL, AGE, READY, STATUS],
        _HELM_REPOSITORY_SPEC,
        _HELM_REPOSITORY_STATUS,
    )


def _column(name: str, path: str) -> Object:
    return {"jsonPath": path, "name": name, "type": "string"}


@cache
def helm_chart() -> Object:
    """The definition of HelmChart (source.toolkit.fluxcd.io/v1)."""
    return definition(
        SOURCE_GROUP,
        {"kind": "HelmChart", "plural": "helmcharts", "shortNames": ["hc"]},
        "fluxcd-sources",
        [
            _column("Chart", ".spec.chart"),
            _column("Version", ".spec.version"),
            _column("Source Kind", ".spec.sourceRef.kind"),
            _column("Source Name", ".spec.sourceRef.name"),
            AGE,
            READY,
            STATUS,
        ],
        _HELM_CHART_SPEC,
        _HELM_CHART_STATUS,
    )


_SHORT_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 63}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 253}
_CRDS = one_of("Skip", "Create", "CreateReplace")
_APPLY = one_of("enabled", "disabled", "auto")
_RETRY = obj("name", name=one_of("RemediateOnFailure", "RetryOnFailure"), retryInterval=DURATION)
_CHART = obj(
    "spec",
    metadata=obj(annotations=MAP, labels=MAP),
    spec=obj(
        "chart sourceRef",
        chart={"type": "string", "minLength": 1, "maxLength": 2048},
        ignoreMissingValuesFiles=FLAG,
        interval=DURATION,
        reconcileStrategy=_STRATEGY,
        sourceRef=obj(
            "kind name",
            apiVersion=TEXT,
            kind=one_of("HelmRepository", "GitRepository", "Bucket"),
            name=_NAME,
            namespace=_SHORT_NAME,
        ),
        valuesFiles=array(TEXT),
        verify=obj("provider", provider=SIGNER, secretRef=NAMED),
        version=_VERSION,
    ),
)
_INSTALL = obj(
    crds=_CRDS,
    createNamespace=FLAG,
    disableHooks=FLAG,
    disableOpenAPIValidation=FLAG,
    disableSchemaValidation=FLAG,
    disableTakeOwnership=FLAG,
    disableWait=FLAG,
    disableWaitForJobs=FLAG,
    remediation=obj(ignoreTestFailures=FLAG, remediateLastFailure=FLAG, retries=WHOLE),
    replace=FLAG,
    serverSideApply=FLAG,
    skipCRDs=FLAG,
    strategy=_RETRY,
    timeout=DURATION,
)
_UPGRADE = obj(
    chartNameChangeStrategy=one_of("InPlaceUpdate", "Reinstall"),
    cleanupOnFail=FLAG,
    crds=_CRDS,
    disableHooks=FLAG,
    disableOpenAPIValidation=FLAG,
    disableSchemaValidation=FLAG,
    disableTakeOwnership=FLAG,
    disableWait=FLAG,
    disableWaitForJobs=FLAG,
    force=FLAG,
    preserveValues=FLAG,
    remediation=obj(
        ignoreTestFailures=FLAG,
        remediateLastFailure=FLAG,
        retries=WHOLE,
        strategy=one_of("rollback", "uninstall"),
    ),
    serverSideApply=_APPLY,
    strategy=_RETRY,
    timeout=DURATION,
)
_ROLLBACK = obj(
    cleanupOnFail=FLAG,
    disableHooks=FLAG,
    disableWait=FLAG,
    disableWaitForJobs=FLAG,
    force=FLAG,
    recreate=FLAG,
    serverSideApply=_APPLY,
    timeout=DURATION,
)
_HELM_RELEASE_SPEC = obj(
    "interval",
    chart=_CHART,
    chartRef=obj(
        "kind name",
        apiVersion=TEXT,
        kind=one_of("OCIRepository", "HelmChart", "ExternalArtifact"),
        name=_NAME,
        namespace=_SHORT_NAME,
    ),
    commonMetadata=obj(annotations=MAP, labels=MAP),
    dependsOn=array(obj("name", name=TEXT, namespace=TEXT, readyExpr=TEXT)),
    driftDetection=obj(
        ignore=array(obj("paths", paths=array(TEXT), target=SELECTOR)),
        mode=one_of("enabled", "warn", "disabled"),
    ),
    healthCheckExprs=array(
        obj("apiVersion current kind", apiVersion=TEXT, current=TEXT, failed=TEXT, inProgress=TEXT, kind=TEXT)
    ),
    install=_INSTALL,
    interval=DURATION,
    kubeConfig=obj(configMapRef=NAMED, secretRef=obj("name", key=TEXT, name=TEXT)),
    maxHistory=WHOLE,
    persistentClient=FLAG,
    postRenderStrategy=one_of("nohooks", "combined", "separate"),
    postRenderers=array(
        obj(
            kustomize=obj(
                images=array(obj("name", digest=TEXT, name=TEXT, newName=TEXT, newTag=TEXT)),
                patches=array(obj("patch", patch=TEXT, target=SELECTOR)),
            )
        )
    ),
    releaseName={"type": "string", "minLength": 1, "maxLength": 53},
    rollback=_ROLLBACK,
    serviceAccountName=_NAME,
    storageNamespace=_SHORT_NAME,
    suspend=FLAG,
    targetNamespace=_SHORT_NAME,
    test=obj(
        enable=FLAG,
        filters=array(obj("name", exclude=FLAG, name=_NAME)),
        ignoreFailures=FLAG,
        timeout=DURATION,
    ),
    timeout=DURATION,
    uninstall=obj(
        deletionPropagation={**one_of("background", "foreground", "orphan"), "default": "background"},
        disableHooks=FLAG,
        disableWait=FLAG,
        keepHistory=FLAG,
        timeout=DURATION,
    ),
    upgrade=_UPGRADE,
    values=_ANYTHING,
    valuesFrom=array(
        obj(
            "kind name",
            kind=one_of("Secret", "ConfigMap"),
            literal=FLAG,
            name=_NAME,
            optional=FLAG,
            targetPath={"type": "string", "maxLength": 250},
            valuesKey={"type": "string", "maxLength": 253},
        )
    ),
    waitStrategy=obj("name", name=one_of("poller", "legacy")),
)
_SNAPSHOT = obj(
    "chartName chartVersion configDigest digest firstDeployed lastDeployed name namespace status version",
    action=TEXT,
    apiVersion=TEXT,
    appVersion=TEXT,
    chartName=TEXT,
    chartVersion=TEXT,
    configDigest=TEXT,
    deleted=TIME,
    digest=TEXT,
    firstDeployed=TIME,
    lastDeployed=TIME,
    name=TEXT,
    namespace=TEXT,
    ociDigest=TEXT,
    status=TEXT,
    testHooks={
        "type": "object",
        "additionalProperties": obj(lastCompleted=TIME, lastStarted=TIME, phase=TEXT),
    },
    version=WHOLE,
)
_HELM_RELEASE_STATUS = obj(
    conditions=CONDITIONS,
    failures=WHOLE,
    helmChart=TEXT,
    history=array(_SNAPSHOT),
    installFailures=WHOLE,
    inventory=obj("entries", entries=array(obj("id v", id=TEXT, v=TEXT))),
    lastAttemptedConfigDigest=TEXT,
    lastAttemptedGeneration=WHOLE,
    lastAttemptedReleaseAction=one_of("install", "upgrade"),
    lastAttemptedReleaseActionDuration=TEXT,
    lastAttemptedRevision=TEXT,
    lastAttemptedRevisionDigest=TEXT,
    lastAttemptedValuesChecksum=TEXT,
    lastHandledForceAt=TEXT,
    lastHandledReconcileAt=TEXT,
    lastHandledResetAt=TEXT,
    lastReleaseRevision=WHOLE,
    observedCommonMetadataDigest=TEXT,
    observedGeneration=WHOLE,
    observedPostRenderersDigest=TEXT,
    storageNamespace=TEXT,
    upgradeFailures=WHOLE,
)


@cache
def helm_release() -> Object:
    """The definition of HelmRelease (helm.toolkit.fluxcd.io/v2)."""
    return definition(
        HELM_GROUP,
        {"kind": "HelmRelease", "plural": "helmreleases", "shortNames": ["hr"]},
        "fluxcd-appliers",
        [AGE, READY, STATUS],
        _HELM_RELEASE_SPEC,
        _HELM_RELEASE_STATUS,
        version="v2",
    )
