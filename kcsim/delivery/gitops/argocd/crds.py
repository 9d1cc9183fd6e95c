"""The custom resource definitions of Argo CD.

**Imitates:** argo-cd 3.x manifests/crds: the same fields, patterns, columns and names. As upstream, Application and
AppProject have no status subresource: whoever may patch the object may write its status, and each such write raises the
generation. Left out: descriptions, the nesting of generators below matrix and merge (any object is taken there).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.terms import GROUP

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_WHOLE: Schema = {"type": "integer", "format": "int64"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_ANY: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_INT_OR_STRING: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}


def _object(required: str = "", /, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required.split()} if required else schema


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _texts(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _TEXT)


def _flags(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _FLAG)


_MAP: Schema = {"type": "object", "additionalProperties": _TEXT}
_PAIRS = _list(_object("name value", name=_TEXT, value=_TEXT))
_JSONNET_VARS = _list(_object("name value", code=_FLAG, name=_TEXT, value=_TEXT))
_TARGET = _object(
    **_texts("annotationSelector", "group", "kind", "labelSelector", "name", "namespace", "version")
)

# --- Application ------------------------------------------------------------------------------------------------

_DIRECTORY = _object(
    disableExtensionFilter=_FLAG,
    exclude=_TEXT,
    include=_TEXT,
    jsonnet=_object(extVars=_JSONNET_VARS, libs=_list(_TEXT), tlas=_JSONNET_VARS),
    recurse=_FLAG,
)
_HELM = _object(
    apiVersions=_list(_TEXT),
    fileParameters=_list(_object(name=_TEXT, path=_TEXT)),
    parameters=_list(_object(forceString=_FLAG, name=_TEXT, value=_TEXT)),
    valueFiles=_list(_TEXT),
    valuesObject=_ANY,
    **_texts("kubeVersion", "namespace", "releaseName", "values", "version"),
    **_flags("ignoreMissingValueFiles", "passCredentials", "skipCrds", "skipSchemaValidation", "skipTests"),
)
_KUSTOMIZE = _object(
    apiVersions=_list(_TEXT),
    commonAnnotations=_MAP,
    commonLabels=_MAP,
    components=_list(_TEXT),
    images=_list(_TEXT),
    patches=_list(
        _object(
            options={"type": "object", "additionalProperties": _FLAG}, patch=_TEXT, path=_TEXT, target=_TARGET
        )
    ),
    replicas=_list(_object("count name", count=_INT_OR_STRING, name=_TEXT)),
    **_texts("kubeVersion", "namePrefix", "nameSuffix", "namespace", "version"),
    **_flags(
        "commonAnnotationsEnvsubst",
        "forceCommonAnnotations",
        "forceCommonLabels",
        "ignoreMissingComponents",
        "labelIncludeTemplates",
        "labelWithoutSelector",
    ),
)
_PLUGIN = _object(
    env=_PAIRS,
    name=_TEXT,
    parameters=_list(_object(array=_list(_TEXT), map=_MAP, name=_TEXT, string=_TEXT)),
)
_SOURCE = _object(
    "repoURL",
    directory=_DIRECTORY,
    helm=_HELM,
    kustomize=_KUSTOMIZE,
    plugin=_PLUGIN,
    **_texts("chart", "name", "path", "ref", "repoURL", "tagPrefix", "targetRevision"),
)
_SOURCES = _list(_SOURCE)
_DESTINATION = _object(**_texts("name", "namespace", "server"))
_IGNORED = _list(
    _object(
        "kind",
        jqPathExpressions=_list(_TEXT),
        jsonPointers=_list(_TEXT),
        managedFieldsManagers=_list(_TEXT),
        **_texts("group", "kind", "name", "namespace"),
    )
)
_RETRY = _object(
    backoff=_object(duration=_TEXT, factor=_WHOLE, maxDuration=_TEXT), limit=_WHOLE, refresh=_FLAG
)
_NAMESPACE_METADATA = _object(annotations=_MAP, labels=_MAP)
_SYNC_POLICY = _object(
    automated=_object(**_flags("allowEmpty", "enabled", "prune", "selfHeal")),
    managedNamespaceMetadata=_NAMESPACE_METADATA,
    retry=_RETRY,
    syncOptions=_list(_TEXT),
)
_HYDRATOR = _object(
    "drySource syncSource",
    drySource=_object(
        "path repoURL targetRevision",
        directory=_DIRECTORY,
        helm=_HELM,
        kustomize=_KUSTOMIZE,
        plugin=_PLUGIN,
        **_texts("path", "repoURL", "targetRevision"),
    ),
    hydrateTo=_object("targetBranch", targetBranch=_TEXT),
    syncSource=_object(
        "path targetBranch",
        path={"type": "string", "pattern": "^.{2,}|[^./]$"},
        repoURL=_TEXT,
        targetBranch=_TEXT,
    ),
)
_APPLICATION_SPEC = _object(
    "destination project",
    destination=_DESTINATION,
    ignoreDifferences=_IGNORED,
    info=_PAIRS,
    project=_TEXT,
    revisionHistoryLimit=_WHOLE,
    source=_SOURCE,
    sourceHydrator=_HYDRATOR,
    sources=_SOURCES,
    syncPolicy=_SYNC_POLICY,
)
_INITIATED_BY = _object(automated=_FLAG, username=_TEXT)
_OPERATION = _object(
    info=_PAIRS,
    initiatedBy=_INITIATED_BY,
    retry=_RETRY,
    sync=_object(
        autoHealAttemptsCount=_WHOLE,
        dryRun=_FLAG,
        manifests=_list(_TEXT),
        prune=_FLAG,
        resources=_list(_object("kind name", **_texts("group", "kind", "name", "namespace"))),
        revision=_TEXT,
        revisions=_list(_TEXT),
        source=_SOURCE,
        sources=_SOURCES,
        syncOptions=_list(_TEXT),
        syncStrategy=_object(apply=_object(force=_FLAG), hook=_object(force=_FLAG)),
    ),
)
_HEALTH = _object(lastTransitionTime=_TIME, message=_TEXT, status=_TEXT)
_RESOURCES = _list(
    _object(
        health=_HEALTH,
        syncWave=_WHOLE,
        **_flags("hook", "requiresDeletionConfirmation", "requiresPruning"),
        **_texts("group", "kind", "name", "namespace", "status", "version"),
    )
)
_RESULT = _object(
    "group kind name namespace version",
    images=_list(_TEXT),
    **_texts(
        "group",
        "hookPhase",
        "hookType",
        "kind",
        "message",
        "name",
        "namespace",
        "status",
        "syncPhase",
        "version",
    ),
)
_APPLICATION_STATUS = _object(
    conditions=_list(_object("message type", lastTransitionTime=_TIME, message=_TEXT, type=_TEXT)),
    controllerNamespace=_TEXT,
    health=_HEALTH,
    history=_list(
        _object(
            "deployedAt id",
            deployStartedAt=_TIME,
            deployedAt=_TIME,
            id=_WHOLE,
            initiatedBy=_INITIATED_BY,
            revision=_TEXT,
            revisions=_list(_TEXT),
            source=_SOURCE,
            sources=_SOURCES,
        )
    ),
    observedAt=_TIME,
    operationState=_object(
        "operation phase startedAt",
        finishedAt=_TIME,
        message=_TEXT,
        operation=_OPERATION,
        phase=_TEXT,
        retryCount=_WHOLE,
        startedAt=_TIME,
        syncResult=_object(
            "revision",
            managedNamespaceMetadata=_NAMESPACE_METADATA,
            resources=_list(_RESULT),
            revision=_TEXT,
            revisions=_list(_TEXT),
            source=_SOURCE,
            sources=_SOURCES,
        ),
    ),
    reconciledAt=_TIME,
    resourceHealthSource=_TEXT,
    resources=_RESOURCES,
    sourceHydrator=_ANY,
    sourceType=_TEXT,
    sourceTypes=_list(_TEXT),
    summary=_object(externalURLs=_list(_TEXT), images=_list(_TEXT), isAppOfApps=_FLAG),
    sync=_object(
        "status",
        comparedTo=_object(
            "destination",
            destination=_DESTINATION,
            ignoreDifferences=_IGNORED,
            source=_SOURCE,
            sources=_SOURCES,
        ),
        revision=_TEXT,
        revisions=_list(_TEXT),
        status=_TEXT,
    ),
)

# --- AppProject -------------------------------------------------------------------------------------------------

_GROUP_KINDS = _list(_object("group kind", group=_TEXT, kind=_TEXT))
_CLUSTER_KINDS = _list(_object("group kind", group=_TEXT, kind=_TEXT, name=_TEXT))
_TOKENS = _list(_object("iat", exp=_WHOLE, iat=_WHOLE, id=_TEXT))
_PROJECT_SPEC = _object(
    clusterResourceBlacklist=_CLUSTER_KINDS,
    clusterResourceWhitelist=_CLUSTER_KINDS,
    description=_TEXT,
    destinationServiceAccounts=_list(
        _object("defaultServiceAccount server", **_texts("defaultServiceAccount", "namespace", "server"))
    ),
    destinations=_list(_DESTINATION),
    namespaceResourceBlacklist=_GROUP_KINDS,
    namespaceResourceWhitelist=_GROUP_KINDS,
    orphanedResources=_object(ignore=_list(_object(**_texts("group", "kind", "name"))), warn=_FLAG),
    permitOnlyProjectScopedClusters=_FLAG,
    roles=_list(
        _object(
            "name",
            description=_TEXT,
            groups=_list(_TEXT),
            jwtTokens=_TOKENS,
            name=_TEXT,
            policies=_list(_TEXT),
        )
    ),
    signatureKeys=_list(_object("keyID", keyID=_TEXT)),
    sourceIntegrity=_ANY,
    sourceNamespaces=_list(_TEXT),
    sourceRepos=_list(_TEXT),
    syncWindows=_list(
        _object(
            applications=_list(_TEXT),
            clusters=_list(_TEXT),
            namespaces=_list(_TEXT),
            **_flags("andOperator", "manualSync", "syncOverrun"),
            **_texts("description", "duration", "kind", "schedule", "timeZone"),
        )
    ),
)
_PROJECT_STATUS = _object(jwtTokensByRole={"type": "object", "additionalProperties": _object(items=_TOKENS)})

# --- ApplicationSet ---------------------------------------------------------------------------------------------

_SELECTOR = _object(
    matchExpressions=_list(_object("key operator", key=_TEXT, operator=_TEXT, values=_list(_TEXT))),
    matchLabels=_MAP,
)
_TEMPLATE = _object(
    "metadata spec",
    metadata=_object(annotations=_MAP, finalizers=_list(_TEXT), labels=_MAP, name=_TEXT, namespace=_TEXT),
    spec=_ANY,
)
_GENERATOR = _object(
    clusterDecisionResource=_ANY,
    clusters=_object(flatList=_FLAG, selector=_SELECTOR, template=_ANY, values=_MAP),
    git=_object(
        "repoURL revision",
        directories=_list(_object("path", exclude=_FLAG, path=_TEXT)),
        files=_list(_object("path", exclude=_FLAG, path=_TEXT)),
        pathParamPrefix=_TEXT,
        repoURL=_TEXT,
        requeueAfterSeconds=_WHOLE,
        revision=_TEXT,
        template=_ANY,
        values=_MAP,
    ),
    list=_object(elements=_list(_ANY), elementsYaml=_TEXT, template=_ANY),
    matrix=_object("generators", generators=_list(_ANY), template=_ANY),
    merge=_object("generators mergeKeys", generators=_list(_ANY), mergeKeys=_list(_TEXT), template=_ANY),
    plugin=_ANY,
    pullRequest=_ANY,
    scmProvider=_ANY,
    selector=_SELECTOR,
)
_SET_SPEC = _object(
    "generators template",
    applyNestedSelectors=_FLAG,
    generators=_list(_GENERATOR),
    goTemplate=_FLAG,
    goTemplateOptions=_list(_TEXT),
    ignoreApplicationDifferences=_list(
        _object(jqPathExpressions=_list(_TEXT), jsonPointers=_list(_TEXT), name=_TEXT)
    ),
    preservedFields=_object(annotations=_list(_TEXT), labels=_list(_TEXT)),
    strategy=_object(
        deletionOrder=_TEXT,
        rollingSync=_object(
            steps=_list(
                _object(
                    matchExpressions=_list(_object(key=_TEXT, operator=_TEXT, values=_list(_TEXT))),
                    maxUpdate=_INT_OR_STRING,
                )
            )
        ),
        type=_TEXT,
    ),
    syncPolicy=_object(
        applicationsSync={
            "type": "string",
            "enum": ["create-only", "create-update", "create-delete", "sync"],
        },
        preserveResourcesOnDeletion=_FLAG,
    ),
    template=_TEMPLATE,
    templatePatch=_TEXT,
)
_SET_STATUS = _object(
    applicationStatus=_list(
        _object(
            "application message status step targetRevisions",
            lastTransitionTime=_TIME,
            targetRevisions=_list(_TEXT),
            **_texts("application", "message", "status", "step"),
        )
    ),
    conditions=_list(
        _object(
            "message reason status type",
            lastTransitionTime=_TIME,
            **_texts("message", "reason", "status", "type"),
        )
    ),
    health=_HEALTH,
    resources=_RESOURCES,
    resourcesCount=_WHOLE,
)


@cache
def application() -> Object:
    """The definition of Application (argoproj.io/v1alpha1)."""
    columns: list[Object] = [
        {"jsonPath": ".status.sync.status", "name": "Sync Status", "type": "string"},
        {"jsonPath": ".status.health.status", "name": "Health Status", "type": "string"},
        {"jsonPath": ".status.sync.revision", "name": "Revision", "priority": 10, "type": "string"},
        {"jsonPath": ".spec.project", "name": "Project", "priority": 10, "type": "string"},
    ]
    names = {"kind": "Application", "plural": "applications", "shortNames": ["app", "apps"]}
    properties = {
        "operation": _OPERATION,
        "spec": _APPLICATION_SPEC,
        "status": _APPLICATION_STATUS,
    }
    return _definition(names, "metadata spec", properties, columns=columns)


@cache
def app_project() -> Object:
    """The definition of AppProject (argoproj.io/v1alpha1)."""
    names = {"kind": "AppProject", "plural": "appprojects", "shortNames": ["appproj", "appprojs"]}
    return _definition(names, "metadata spec", {"spec": _PROJECT_SPEC, "status": _PROJECT_STATUS})


@cache
def application_set() -> Object:
    """The definition of ApplicationSet (argoproj.io/v1alpha1)."""
    names = {"kind": "ApplicationSet", "plural": "applicationsets", "shortNames": ["appset", "appsets"]}
    return _definition(
        names, "metadata spec", {"spec": _SET_SPEC, "status": _SET_STATUS}, subresources={"status": {}}
    )


def _definition(
    names: dict[str, Any],
    required: str,
    properties: dict[str, Schema],
    *,
    columns: list[Object] | None = None,
    subresources: Object | None = None,
) -> Object:
    kind = names["kind"]
    about = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}}
    version: Object = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "subresources": subresources or {},
        "schema": {"openAPIV3Schema": _object(required, **about, **properties)},
    }
    if columns:
        version["additionalPrinterColumns"] = columns
    labels = {
        "app.kubernetes.io/name": f"{names['plural']}.{GROUP}",
        "app.kubernetes.io/part-of": "argocd",
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}", "labels": labels},
        "spec": {
            "group": GROUP,
            "names": {"listKind": f"{kind}List", "singular": kind.lower(), **names},
            "scope": "Namespaced",
            "versions": [version],
        },
    }
