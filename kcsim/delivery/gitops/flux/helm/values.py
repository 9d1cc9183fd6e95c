"""The values of a release: ConfigMaps and Secrets in order, target paths, then those in the spec.

**Imitates:** fluxcd/pkg chartutil (values.go ChartValuesFromReferences, digest.go) and helm's strvals for target paths: keys between
dots, indexes in brackets, escapes. Differs: the digest is of the values as kcsim writes YAML, keys sorted.

**Walk:** ``referenced`` reads -> ``merge_values`` or ``at_path``, reference by reference -> the spec's own on top -> ``digest``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.artifact_copies import merge_values
from kcsim.delivery.gitops.flux.toolkit import spec
from kcsim.manifests import ManifestError, documents, dump

Values = dict[str, Any]
_KINDS = {"ConfigMap": "configmaps", "Secret": "secrets"}
_DEFAULT_KEY = "values.yaml"
_STEP = re.compile(r"((?:\\.|[^.\[\]\\])+)|\[(\d+)\]")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")


class ValuesError(Exception):
    """No values: the text is what the Ready condition shows."""


def composed(client: Client, obj: Object) -> Generator[Any, Any, Values]:
    """A task's steps: the values of a HelmRelease.

    Raises:
        ValuesError: a reference that is not optional is missing, or holds what cannot be read.
    """
    values: Values = {}
    namespace = objects.namespace(obj)
    for ref in spec(obj).get("valuesFrom") or ():
        kind, name, path = ref["kind"], ref["name"], ref.get("targetPath") or ""
        key = ref.get("valuesKey") or _DEFAULT_KEY
        what = f"could not resolve {kind} chart values reference '{namespace}/{name}' with key '{key}'"
        try:
            found = yield client.get(_KINDS[kind], namespace, name)
        except StatusError as error:
            if error.is_not_found and ref.get("optional"):
                continue
            raise ValuesError(f"{what}: {error.message}") from error
        text = _text(kind, found, key)
        if text is None:
            if ref.get("optional"):
                continue
            raise ValuesError(f"{what}: missing key")
        try:
            if path:
                values = at_path(values, path, text, literal=bool(ref.get("literal")))
            else:
                values = merge_values(values, parsed(text, f"{kind}/{name}"))
        except ValueError as error:
            raise ValuesError(
                f"unable to merge value from key '{key}' in {kind} '{namespace}/{name}': {error}"
            ) from error
    return merge_values(values, spec(obj).get("values") or {})


def _text(kind: str, found: Object, key: str) -> str | None:
    value = (found.get("data") or {}).get(key)
    if value is None or kind == "ConfigMap":
        return value
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def parsed(text: str, name: str) -> Values:
    """A YAML text of values.

    Raises:
        ValueError: it holds something else.
    """
    try:
        found = [document.value for document in documents(text, name) if document.value is not None]
    except ManifestError as error:
        raise ValueError(f"{error}") from error
    if not found:
        return {}
    if len(found) > 1 or not isinstance(found[0], dict):
        raise ValueError("a map of values is expected")
    return found[0]


def at_path(values: Mapping[str, Any], path: str, text: str, *, literal: bool = False) -> Values:
    """The values with one at a path; ``literal`` or between quotes it stays a text, else it is what YAML would take it for.

    Raises:
        ValueError: the path cannot be read, or leads through something that holds nothing.
    """
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError(f"invalid path '{path}'")
        steps.append(re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else int(found[2]))
        at = found.end()
        if path[at : at + 1] == ".":
            at += 1
    if not steps or isinstance(steps[0], int):
        raise ValueError(f"invalid path '{path}'")
    made = _put(values, steps, text if literal else _typed(text))
    assert isinstance(made, dict), "the first step is a key"
    return made


def _typed(text: str) -> Any:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text in {"true", "false"}:
        return text == "true"
    if text == "null":
        return None
    return int(text) if _NUMBER.match(text) else text


def _put(holder: Any, steps: list[str | int], value: Any) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        items = list(holder) if isinstance(holder, list) else []
        items += [None] * (step + 1 - len(items))
        items[step] = _put(items[step], rest, value)
        return items
    if holder is not None and not isinstance(holder, Mapping):
        raise ValueError(f"key '{step}' is below something that is no map")
    return {**(holder or {}), step: _put((holder or {}).get(step), rest, value)}


def digest(values: Mapping[str, Any]) -> str:
    """What a status knows values by."""
    text = dump(values) if values else ""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
