"""The custom resource definitions of image-reflector-controller and image-automation-controller.

**Imitates:** their config/crd (ImageRepository, ImagePolicy, ImageUpdateAutomation v1), release 2.9: the same fields, patterns,
columns and names. Left out: descriptions, older versions, the CEL rules.
"""

from __future__ import annotations

from functools import cache

from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.crd_schema import (
    AGE,
    CLOUD,
    CONDITIONS,
    DURATION,
    FLAG,
    MAP,
    NAMED,
    READY,
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
from kcsim.delivery.gitops.flux.toolkit import IMAGE_GROUP

_ORDER = {**one_of("asc", "desc"), "default": "asc"}
_REF = obj("name tag", digest=TEXT, name=TEXT, tag=TEXT)
_ELSEWHERE = obj("name", name=TEXT, namespace=TEXT)


def _column(name: str, path: str) -> Object:
    return {"jsonPath": path, "name": name, "type": "string"}


@cache
def image_repository() -> Object:
    """The definition of ImageRepository (image.toolkit.fluxcd.io/v1)."""
    spec = obj(
        "image interval",
        accessFrom=obj("namespaceSelectors", namespaceSelectors=array(obj(matchLabels=MAP))),
        certSecretRef=NAMED,
        exclusionList={**array(TEXT), "default": [r"^.*\.sig$"], "maxItems": 25},
        image=TEXT,
        insecure=FLAG,
        interval=DURATION,
        provider=CLOUD,
        proxySecretRef=NAMED,
        secretRef=NAMED,
        serviceAccountName=TEXT,
        suspend=FLAG,
        timeout=DURATION,
    )
    result = obj(
        "latestTags revision scanTime tagCount",
        latestTags=array(TEXT),
        revision=TEXT,
        scanTime=TIME,
        tagCount=WHOLE,
    )
    status = obj(
        canonicalImageName=TEXT,
        conditions=CONDITIONS,
        lastHandledReconcileAt=TEXT,
        lastScanResult={**result, "required": ["revision", "scanTime", "tagCount"]},
        observedExclusionList=array(TEXT),
        observedGeneration=WHOLE,
    )
    columns = [
        _column("Image", ".spec.image"),
        _column("Tags", ".status.lastScanResult.tagCount"),
        READY,
        STATUS,
        AGE,
    ]
    return _definition("ImageRepository", "imagerepositories", ["imgrepo"], columns, spec, status)


@cache
def image_policy() -> Object:
    """The definition of ImagePolicy (image.toolkit.fluxcd.io/v1)."""
    spec = obj(
        "imageRepositoryRef policy",
        digestReflectionPolicy={**one_of("Always", "IfNotPresent", "Never"), "default": "Never"},
        filterTags=obj(extract=TEXT, pattern=TEXT),
        imageRepositoryRef=_ELSEWHERE,
        interval=DURATION,
        policy=obj(
            alphabetical=obj(order=_ORDER), numerical=obj(order=_ORDER), semver=obj("range", range=TEXT)
        ),
        suspend=FLAG,
    )
    status = obj(
        conditions=CONDITIONS,
        lastHandledReconcileAt=TEXT,
        latestRef=_REF,
        observedGeneration=WHOLE,
        observedPreviousRef=_REF,
    )
    columns = [
        _column("Image", ".status.latestRef.name"),
        _column("Tag", ".status.latestRef.tag"),
        READY,
        STATUS,
        AGE,
    ]
    return _definition("ImagePolicy", "imagepolicies", ["imgpol"], columns, spec, status)


@cache
def image_update_automation() -> Object:
    """The definition of ImageUpdateAutomation (image.toolkit.fluxcd.io/v1)."""
    ref = obj(branch=TEXT, commit=TEXT, name=TEXT, semver=TEXT, tag=TEXT)
    commit = obj(
        "author",
        author=obj("email", email=TEXT, name=TEXT),
        messageTemplate=TEXT,
        messageTemplateValues=MAP,
        signingKey=obj("secretRef", secretRef=NAMED),
    )
    spec = obj(
        "interval sourceRef",
        git=obj(
            "commit",
            checkout=obj("ref", ref=ref),
            commit=commit,
            push=obj(branch=TEXT, options=MAP, refspec=TEXT),
        ),
        interval=DURATION,
        policySelector=obj(
            matchExpressions=array(obj("key operator", key=TEXT, operator=TEXT, values=array(TEXT))),
            matchLabels=MAP,
        ),
        sourceRef=obj("kind name", apiVersion=TEXT, kind=one_of("GitRepository"), name=TEXT, namespace=TEXT),
        suspend=FLAG,
        update={
            **obj("strategy", path=TEXT, strategy={**one_of("Setters"), "default": "Setters"}),
            "default": {"strategy": "Setters"},
        },
    )
    status = obj(
        conditions=CONDITIONS,
        lastAutomationRunTime=TIME,
        lastHandledReconcileAt=TEXT,
        lastPushCommit=TEXT,
        lastPushTime=TIME,
        observedGeneration=WHOLE,
        observedPolicies={"type": "object", "additionalProperties": _REF},
        observedSourceRevision=TEXT,
    )
    columns = [_column("Last run", ".status.lastAutomationRunTime"), READY, STATUS, AGE]
    return _definition(
        "ImageUpdateAutomation",
        "imageupdateautomations",
        ["iua", "imgupd", "imgauto"],
        columns,
        spec,
        status,
    )


def _definition(
    kind: str, plural: str, short: list[str], columns: list[Object], spec: Schema, status: Schema
) -> Object:
    names = {"kind": kind, "plural": plural, "shortNames": short}
    return definition(IMAGE_GROUP, names, "fluxcd-images", columns, spec, status)
