"""What the schemas of Flux's custom resource definitions are made of.

**Imitates:** what controller-gen writes for fluxcd/pkg apis/meta: durations, references, conditions, artifacts.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.objects import Object

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer", "format": "int64"}
TIME: Schema = {"type": "string", "format": "date-time"}
DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}
SHORT_DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$", "default": "60s"}


def obj(required: str = "", /, **properties: Schema) -> Schema:
    """An object with these properties; ``required`` are names between blanks."""
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required.split()} if required else schema


def array(items: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}


MAP: Schema = {"type": "object", "additionalProperties": TEXT}
NAMED = obj("name", name=TEXT)
SELECTOR = obj(
    annotationSelector=TEXT,
    group=TEXT,
    kind=TEXT,
    labelSelector=TEXT,
    name=TEXT,
    namespace=TEXT,
    version=TEXT,
)
CONDITIONS = array(
    obj(
        "lastTransitionTime message reason status type",
        lastTransitionTime=TIME,
        message={"type": "string", "maxLength": 32768},
        observedGeneration={**WHOLE, "minimum": 0},
        reason={"type": "string", "maxLength": 1024, "minLength": 1},
        status=one_of("True", "False", "Unknown"),
        type={"type": "string", "maxLength": 316},
    )
)
ARTIFACT = obj(
    "digest lastUpdateTime path revision url",
    digest=TEXT,
    lastUpdateTime=TIME,
    metadata=MAP,
    path=TEXT,
    revision=TEXT,
    size=WHOLE,
    url=TEXT,
)
CLOUD = {**one_of("generic", "aws", "azure", "gcp"), "default": "generic"}
SIGNER = {**one_of("cosign", "notation"), "default": "cosign"}
VERIFY = obj(
    "provider",
    matchOIDCIdentity=array(obj("issuer subject", issuer=TEXT, subject=TEXT)),
    provider=SIGNER,
    secretRef=NAMED,
)
AGE = {"jsonPath": ".metadata.creationTimestamp", "name": "Age", "type": "date"}
READY = {"jsonPath": '.status.conditions[?(@.type=="Ready")].status', "name": "Ready", "type": "string"}
STATUS = {"jsonPath": '.status.conditions[?(@.type=="Ready")].message', "name": "Status", "type": "string"}
URL = {"jsonPath": ".spec.url", "name": "URL", "type": "string"}


def definition(
    group: str,
    names: dict[str, Any],
    category: str,
    columns: list[Object],
    spec: Schema,
    status: Schema | None,
    *,
    version: str = "v1",
    observes: bool = True,
) -> Object:
    """The definition of a kind; ``names`` are kind, plural and short names. A kind without status has no subresource.

    ``observes``: whether the status keeps the generation that was seen, -1 before the first.
    """
    kind = names["kind"]
    schema: Schema = {
        "type": "object",
        "properties": {
            "apiVersion": TEXT,
            "kind": TEXT,
            "metadata": {"type": "object"},
            "spec": spec,
        },
    }
    if status is not None:
        unseen = {"default": {"observedGeneration": -1}} if observes else {}
        schema["properties"]["status"] = {**status, **unseen}
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
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {} if status is None else {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
