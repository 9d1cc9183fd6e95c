"""The custom resource definitions of notification-controller.

**Imitates:** notification-controller config/crd (Receiver v1, Alert and Provider v1beta3), release 2.9: the same fields, patterns and
names. Alert and Provider have no status. Left out: descriptions, older versions, the CEL rules.
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
    STATUS,
    TEXT,
    WHOLE,
    Schema,
    array,
    definition,
    obj,
    one_of,
)
from kcsim.delivery.gitops.flux.toolkit import NOTIFICATION_GROUP

RECEIVER_TYPES = (
    "generic generic-hmac generic-oidc github gitlab bitbucket harbor dockerhub quay gcr nexus acr cdevents"
).split()
PROVIDER_TYPES = (
    "slack discord msteams rocket generic generic-hmac github gitlab gitea giteapullrequestcomment bitbucketserver bitbucket "
    "azuredevops googlechat googlepubsub webex sentry azureeventhub telegram lark matrix opsgenie alertmanager grafana "
    "githubdispatch githubpullrequestcomment gitlabmergerequestcomment pagerduty datadog nats zulip otel"
).split()
_WHOM = obj(
    "kind name",
    apiVersion=TEXT,
    kind=one_of(
        "Bucket",
        "GitRepository",
        "Kustomization",
        "HelmRelease",
        "HelmChart",
        "HelmRepository",
        "ImageRepository",
        "ImagePolicy",
        "ImageUpdateAutomation",
        "OCIRepository",
        "ArtifactGenerator",
        "ExternalArtifact",
    ),
    matchLabels=MAP,
    name={"type": "string", "minLength": 1, "maxLength": 253},
    namespace={"type": "string", "minLength": 1, "maxLength": 253},
)


@cache
def receiver() -> Object:
    """The definition of Receiver (notification.toolkit.fluxcd.io/v1)."""
    spec = obj(
        "resources secretRef type",
        events=array(TEXT),
        interval={**DURATION, "default": "10m"},
        resourceFilter=TEXT,
        resources=array(_WHOM),
        secretRef=NAMED,
        suspend=FLAG,
        type=one_of(*RECEIVER_TYPES),
    )
    status = obj(
        conditions=CONDITIONS, lastHandledReconcileAt=TEXT, observedGeneration=WHOLE, webhookPath=TEXT
    )
    return _definition("Receiver", [AGE, READY, STATUS], spec, status, "v1")


@cache
def alert() -> Object:
    """The definition of Alert (notification.toolkit.fluxcd.io/v1beta3)."""
    spec = obj(
        "eventSources providerRef",
        eventMetadata=MAP,
        eventSeverity={**one_of("info", "error"), "default": "info"},
        eventSources=array(_WHOM),
        exclusionList=array(TEXT),
        inclusionList=array(TEXT),
        providerRef=NAMED,
        summary={"type": "string", "maxLength": 255},
        suspend=FLAG,
    )
    return _definition("Alert", [AGE], spec, None, "v1beta3")


@cache
def provider() -> Object:
    """The definition of Provider (notification.toolkit.fluxcd.io/v1beta3)."""
    spec = obj(
        "type",
        address={"type": "string", "maxLength": 2048},
        certSecretRef=NAMED,
        channel={"type": "string", "maxLength": 2048},
        commitStatusExpr=TEXT,
        interval=DURATION,
        proxy=TEXT,
        proxySecretRef=NAMED,
        secretRef=NAMED,
        serviceAccountName=TEXT,
        suspend=FLAG,
        timeout=DURATION,
        type=one_of(*PROVIDER_TYPES),
        username={"type": "string", "maxLength": 2048},
    )
    return _definition("Provider", [AGE], spec, None, "v1beta3")


def _definition(
    kind: str, columns: list[Object], spec: Schema, status: Schema | None, version: str
) -> Object:
    names = {"kind": kind, "plural": f"{kind.lower()}s"}
    return definition(
        NOTIFICATION_GROUP, names, "fluxcd-notifications", columns, spec, status, version=version
    )
