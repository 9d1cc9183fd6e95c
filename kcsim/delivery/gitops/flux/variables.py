"""Where the variables of ``spec.postBuild`` come from.

**Imitates:** fluxcd/pkg kustomize/kustomize_varsub.go: later references override earlier ones, the inline map wins.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.toolkit import spec

_KINDS = {"ConfigMap": "configmaps", "Secret": "secrets"}


def postbuild_variables(client: Client, obj: Object) -> Generator[Any, Any, dict[str, str]]:
    """A task's steps: the variables of a Kustomization.

    Raises:
        LookupError: a ConfigMap or Secret that is not optional is missing.
    """
    post = spec(obj).get("postBuild") or {}
    variables: dict[str, str] = {}
    for ref in post.get("substituteFrom") or ():
        kind, name, namespace = ref["kind"], ref["name"], objects.namespace(obj)
        try:
            found = yield client.get(_KINDS[kind], namespace, name)
        except StatusError as error:
            if error.is_not_found and ref.get("optional"):
                continue
            raise LookupError(
                f"post build failed: substitute from '{kind}/{name}' error: {error.message}"
            ) from error
        variables.update(_texts(kind, found))
    variables.update({k: str(v) for k, v in (post.get("substitute") or {}).items()})
    return variables


def substituted_from(obj: Object) -> list[str]:
    """``Kind/namespace/name`` of what the variables of a Kustomization come from."""
    refs = (spec(obj).get("postBuild") or {}).get("substituteFrom") or ()
    return [f"{ref['kind']}/{objects.namespace(obj)}/{ref['name']}" for ref in refs]


def _texts(kind: str, obj: Object) -> dict[str, str]:
    data = obj.get("data") or {}
    if kind == "ConfigMap":
        return {k: v.replace("\n", "") for k, v in data.items()}
    texts = {}
    for key, value in data.items():
        try:
            texts[key] = base64.b64decode(value).decode().replace("\n", "")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise LookupError(f"post build failed: Secret/{objects.name(obj)} key {key}: {error}") from error
    return texts
