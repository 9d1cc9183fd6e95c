"""The kustomization file: found, read, checked, and its older fields put into the newer ones.

**Imitates:** kustomize api/types/kustomization.go (`Unmarshal`, `FixKustomization`, `EnforceFields`) and `LoadKustFile`
of api/internal/target. Fields that nobody knows are errors, as upstream; so are those that this build leaves out, with
a message that says so.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.loader import FILE_NAMES, Loader
from kcsim.manifests import Document, ManifestError, Path, Positions, documents

_TEXT, _LIST, _MAP, _TEXTS = "a string", "a list", "an object", "a list of strings"

_FIELDS: Mapping[str, str] = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "metadata": _MAP,
    "namePrefix": _TEXT,
    "nameSuffix": _TEXT,
    "namespace": _TEXT,
    "commonLabels": _MAP,
    "labels": _LIST,
    "commonAnnotations": _MAP,
    "patchesStrategicMerge": _TEXTS,
    "patchesJson6902": _LIST,
    "patches": _LIST,
    "images": _LIST,
    "imageTags": _LIST,
    "replacements": _LIST,
    "replicas": _LIST,
    "vars": _LIST,
    "sortOptions": _MAP,
    "resources": _TEXTS,
    "components": _TEXTS,
    "bases": _TEXTS,
    "configMapGenerator": _LIST,
    "secretGenerator": _LIST,
    "generatorOptions": _MAP,
    "configurations": _TEXTS,
    "generators": _TEXTS,
    "transformers": _TEXTS,
    "crds": _TEXTS,
    "buildMetadata": _TEXTS,
}

_ABSENT: Mapping[str, str] = {
    "helmCharts": "render the chart and commit the result",
    "helmChartInflationGenerator": "render the chart and commit the result",
    "helmGlobals": "render the chart and commit the result",
    "validators": "check the output instead",
    "openapi": "custom kinds merge as free-form objects",
}
"""Fields of kustomize that are not modelled, and what to do instead."""

_GENERATOR = "name namespace behavior literals files envs env options type"
_SELECTOR = "group version kind name namespace labelSelector annotationSelector"
_OPTIONS = "labels annotations disableNameSuffixHash immutable"
_MEMBERS: Mapping[str, str] = {
    "labels": "pairs includeSelectors includeTemplates includeVolumeClaimTemplates fields",
    "patches": "path patch target options",
    "patchesJson6902": "path patch target options",
    "images": "name newName newTag tagSuffix digest",
    "imageTags": "name newName newTag tagSuffix digest",
    "replicas": "name count",
    "replacements": "path source sourceValue targets",
    "configMapGenerator": _GENERATOR.removesuffix(" type"),
    "secretGenerator": _GENERATOR,
    "vars": "name objref fieldref",
}
"""What the items of the lists may hold."""

_BELOW: Mapping[str, str] = {
    "target": _SELECTOR,
    "select": _SELECTOR,
    "reject": _SELECTOR,
    "source": "group version kind name namespace fieldPath options",
    "targets": "select reject fieldPaths options",
    "objref": "apiVersion group version kind name namespace",
    "fieldref": "fieldPath fieldpath",
    "legacySortOptions": "orderFirst orderLast",
    "generatorOptions": _OPTIONS,
    "sortOptions": "order legacySortOptions",
}
"""What some objects within them may hold."""


_OPTION_SETS: Mapping[str, str] = {
    "configMapGenerator": _OPTIONS,
    "secretGenerator": _OPTIONS,
    "patches": "allowNameChange allowKindChange",
    "patchesJson6902": "allowNameChange allowKindChange",
    "replacements": "delimiter index encoding create",
}
"""What `options` may hold, by the field they stand below."""

_BOOL, _INT, _MAPS = "true or false", "a whole number", "a list of objects"

_SHAPES: Mapping[str, str] = (
    dict.fromkeys(
        (
            "name newName newTag tagSuffix digest path patch group version kind namespace labelSelector "
            "annotationSelector behavior env type fieldPath delimiter encoding order"
        ).split(),
        _TEXT,
    )
    | dict.fromkeys(
        (
            "includeSelectors includeTemplates includeVolumeClaimTemplates disableNameSuffixHash immutable create "
            "allowNameChange allowKindChange"
        ).split(),
        _BOOL,
    )
    | dict.fromkeys("literals files envs fieldPaths orderFirst orderLast".split(), _TEXTS)
    | dict.fromkeys(
        "pairs labels annotations options target select source objref fieldref legacySortOptions".split(),
        _MAP,
    )
    | dict.fromkeys("fields targets reject".split(), _MAPS)
    | dict.fromkeys("count index".split(), _INT)
)
"""What the members of lists and objects must be, whichever they stand in."""


@dataclass(frozen=True, slots=True)
class Kustomization:
    """One kustomization file. `fields` hold it as written, older fields merged into newer ones."""

    file: str
    kind: str
    fields: Mapping[str, Any]
    positions: Positions

    def place(self, entry: Path) -> tuple[int, int]:
        """(line, column) of an entry: ("patches", 0); both from 1."""
        return self.positions.of(entry)

    def text(self, name: str) -> str:
        """A field that is a text; "" when absent."""
        return self.fields.get(name) or ""

    def list(self, name: str) -> list[Any]:
        """A field that is a list; empty when absent."""
        return self.fields.get(name) or []

    def map(self, name: str) -> dict[str, Any]:
        """A field that is an object; empty when absent."""
        return self.fields.get(name) or {}


def find_kustomization(loader: Loader) -> str | None:
    """The path of a directory's kustomization file, None when there is none.

    Raises: KustomizeError when there are several.
    """
    found = [name for name in FILE_NAMES if loader.path(name) in loader.files]
    if len(found) > 1:
        raise KustomizeError(loader.root, f"Found multiple kustomization files under: {loader.root}")
    return loader.path(found[0]) if found else None


def load_kustomization(loader: Loader) -> Kustomization:
    """The kustomization of a loader's directory.

    Raises: KustomizeError.
    """
    file = find_kustomization(loader)
    if file is None:
        raise KustomizeError(
            loader.root,
            "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' "
            f"in directory '{loader.root}'",
        )
    try:
        # As upstream's reader of kustomization files: of a key that is written twice the last one counts.
        found = [d for d in documents(loader.files.get(file) or b"", file, []) if d.value is not None]
    except ManifestError as error:
        raise KustomizeError(error.file, error.message, error.line, error.column) from error
    if not found:
        raise KustomizeError(file, f"{posixpath.basename(file)} is empty")
    return _checked(found[0], file)


def _checked(document: Document, file: str) -> Kustomization:
    if not isinstance(document.value, dict):
        raise KustomizeError(
            file, "invalid Kustomization: an object is expected", document.line, document.column
        )
    fields = {_field(name): value for name, value in document.value.items() if value is not None}
    _check_fields(document, fields, file)
    kind = fields.get("kind", "Kustomization")
    if kind not in ("Kustomization", "Component"):
        raise KustomizeError(
            file, "kind should be Kustomization or Component", *document.positions.of(("kind",))
        )
    wanted = f"kustomize.config.k8s.io/{'v1alpha1' if kind == 'Component' else 'v1beta1'}"
    if fields.get("apiVersion", wanted) != wanted:
        place = document.positions.of(("apiVersion",))
        raise KustomizeError(file, f"apiVersion for {kind} should be {wanted}", *place)
    if not fields.keys() - {"apiVersion", "kind"}:
        raise KustomizeError(file, "kustomization.yaml is empty")
    return Kustomization(file, kind, _fixed(fields), document.positions)


_BY_LOWER_CASE = {name.lower(): name for name in (*_FIELDS, *_ABSENT)}


def _field(name: str) -> str:
    """The field that a key means: as Go's reader of JSON, whatever the case of its letters."""
    return _BY_LOWER_CASE.get(name.lower(), name)


def _fixed(fields: dict[str, Any]) -> dict[str, Any]:
    for old, new in (("bases", "resources"), ("imageTags", "images")):
        if old in fields:
            rest = {name: value for name, value in fields.items() if name != old}
            fields = {**rest, new: [*rest.get(new, []), *fields[old]]}
    return fields


def _check_fields(document: Document, fields: Mapping[str, Any], file: str) -> None:
    for name, value in fields.items():
        place = document.positions.of_key((name,))
        if name in _ABSENT:
            raise KustomizeError(file, f"field '{name}' is not modelled here: {_ABSENT[name]}", *place)
        wanted = _FIELDS.get(name)
        if wanted is None:
            raise KustomizeError(file, _unknown(name, list(_FIELDS)), *place)
        if not _has_shape(value, wanted):
            raise KustomizeError(
                file, f"invalid Kustomization: {name} must be {wanted}", *document.positions.of((name,))
            )
        members = _MEMBERS.get(name)
        if members is not None:
            for i, item in enumerate(value):
                _check_members(document, (name, i), item, members, file)
        elif name in _BELOW:
            _check_members(document, (name,), value, _BELOW[name], file)


def _check_members(
    document: Document, path: tuple[str | int, ...], value: Any, members: str, file: str
) -> None:
    if not isinstance(value, dict):
        raise KustomizeError(
            file, f"invalid Kustomization: {path[0]} must hold objects", *document.positions.of(path)
        )
    known = members.split()
    for name, member in value.items():
        if name not in known:
            raise KustomizeError(file, _unknown(name, known), *document.positions.of_key((*path, name)))
        wanted = _SHAPES.get(name)
        if member is not None and wanted is not None and not _has_shape(member, wanted):
            place = document.positions.of((*path, name))
            raise KustomizeError(file, f"invalid Kustomization: {name} must be {wanted}", *place)
        below = _OPTION_SETS.get(str(path[0])) if name == "options" else _BELOW.get(name)
        if below is None or member is None:
            continue
        for i, item in enumerate(member) if isinstance(member, list) else [(None, member)]:
            place = (*path, name) if i is None else (*path, name, i)
            _check_members(document, place, item, below, file)


def _has_shape(value: Any, wanted: str) -> bool:
    if wanted == _TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if wanted == _MAPS:
        return isinstance(value, list) and all(isinstance(item, dict) for item in value)
    if wanted == _INT:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {_TEXT: str, _LIST: list, _MAP: dict, _BOOL: bool}[wanted])


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f'invalid Kustomization: json: unknown field "{name}"' + (
        f" (did you mean '{near[0]}'?)" if near else ""
    )
