"""From a repository's files and a source of an Application to its manifests.  Decides; never acts.

**Imitates:** argo-cd 3.x reposerver/repository/repository.go (GenerateManifests, GetAppSourceType, findManifests),
util/app/path, util/kustomize (Build, as ``kustomize edit`` would change the kustomization), util/helm (through a helm binary, if
one is there). Left out: repositories of charts, jsonnet and plugins, which are refused by name; substitution of
``$ARGOCD_APP_*`` in options; symbolic links.

**Walk:** path of the source -> ``source_type`` -> the files of a directory, or a kustomize build -> objects of a kind ->
each marked with the application it belongs to (``resources.tracked``).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.helm import HelmError, Release, template
from kcsim.delivery.kustomize.build import build
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.loader import FILE_NAMES
from kcsim.manifests import ManifestError, documents, dump

HELM, KUSTOMIZE, DIRECTORY, PLUGIN = "Helm", "Kustomize", "Directory", "Plugin"

_EXPLICIT = (("kustomize", KUSTOMIZE), ("helm", HELM), ("directory", DIRECTORY), ("plugin", PLUGIN))
_MANIFESTS = (".yaml", ".yml", ".json", ".jsonnet")
_GRPC = {
    "Unknown": "rpc error: code = Unknown desc = ",
    "FailedPrecondition": "rpc error: code = FailedPrecondition desc = ",
}


class GenerationError(Exception):
    """No manifests: the message is what the repo-server answers, gRPC's words included."""

    def __init__(self, message: str, code: str = "Unknown") -> None:
        super().__init__(f"{_GRPC[code]}{message}")


def source_path(source: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """The directory of a source, ``.`` for the whole repository.

    Raises:
        GenerationError: it is absolute, outside the repository, or not there.
    """
    path = source.get("path") or "."
    if path.startswith("/"):
        raise GenerationError(f"{path}: app path is absolute")
    root = posixpath.normpath(path)
    if root.startswith(".."):
        raise GenerationError(f"{path}: app path outside root")
    if root != "." and not any(name.startswith(f"{root}/") for name in files):
        raise GenerationError(f"{path}: app path does not exist")
    return root


def source_type(source: Mapping[str, Any], root: str, files: Mapping[str, bytes]) -> str:
    """Helm, Kustomize, Directory or Plugin: what the source says, else what lies in its directory.

    Raises:
        GenerationError: the source is of several types at once.
    """
    if source.get("chart"):
        return HELM
    told = [kind for field, kind in _EXPLICIT if source.get(field)]
    if len(told) > 1:
        raise GenerationError(f"multiple application sources defined: {','.join(told)}")
    if told:
        return told[0]
    if _in(root, "Chart.yaml") in files:
        return HELM
    return KUSTOMIZE if kustomization_file(root, files) else DIRECTORY


def kustomization_file(root: str, files: Mapping[str, bytes]) -> str | None:
    """The name of the kustomization file of a directory."""
    return next((name for name in FILE_NAMES if _in(root, name) in files), None)


def generate(
    source: Mapping[str, Any], files: Mapping[str, bytes], *, application: str = "", namespace: str = ""
) -> tuple[str, list[Object]]:
    """The type of a source and the objects it stands for, in the order of the files, lists taken apart.

    ``application`` and the ``namespace`` of its destination are what a chart's release is called after.

    Raises:
        GenerationError: with the repo-server's words.
    """
    root = source_path(source, files)
    kind = source_type(source, root, files)
    if kind == PLUGIN:
        raise GenerationError("kcsim does not run config management plugins")
    if kind == HELM:
        found = _helmed(source, root, files, application, namespace)
    else:
        found = _kustomized(source, root, files) if kind == KUSTOMIZE else _directory(source, root, files)
    return kind, list(_objects(found))


def _in(root: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(root, name))


def _objects(found: Iterable[Any]) -> Iterable[Object]:
    for obj in found:
        if obj.get("kind", "").endswith("List") and isinstance(obj.get("items"), list):
            yield from _objects(obj["items"])
        else:
            yield obj


# --- a chart ----------------------------------------------------------------------------------------------------


def _helmed(
    source: Mapping[str, Any], root: str, files: Mapping[str, bytes], application: str, namespace: str
) -> list[Object]:
    if source.get("chart"):
        raise GenerationError(f"helm pull {source['chart']}: kcsim does not model repositories of charts")
    options = source.get("helm") or {}
    try:
        release = _release(options, root, files, application, namespace)
        return template(files, root, release)
    except HelmError as error:
        raise GenerationError(f"`helm template {root}` {error}") from error


def _release(
    options: Mapping[str, Any], root: str, files: Mapping[str, bytes], application: str, namespace: str
) -> Release:
    """The release of a source's options (newHelmTemplateOpts)."""
    chosen = []
    for name in options.get("valueFiles") or ():
        if "://" in name or name.startswith("$"):
            raise GenerationError(f"values file {name}: kcsim reads files of the same repository only")
        path = name.lstrip("/") if name.startswith("/") else _in(root, name)
        if path in files:
            chosen.append(path)
        elif not options.get("ignoreMissingValueFiles"):
            raise GenerationError(f"`helm template {root}` failed: open {path}: no such file or directory")
    values = options.get("valuesObject")
    text = dump(values) if values else options.get("values", "")
    given = options.get("parameters") or ()
    plain = [p for p in given if not p.get("forceString")]
    return Release(
        name=options.get("releaseName") or application or posixpath.basename(root),
        namespace=options.get("namespace") or namespace,
        values=(text,) if text else (),
        value_files=tuple(chosen),
        sets=tuple(f"{p['name']}={_commas(p.get('value', ''))}" for p in plain),
        set_strings=tuple(
            f"{p['name']}={_commas(p.get('value', ''))}" for p in given if p.get("forceString")
        ),
        set_files=tuple((f["name"], _in(root, f["path"])) for f in options.get("fileParameters") or ()),
        kube_version=options.get("kubeVersion", ""),
        api_versions=tuple(options.get("apiVersions") or ()),
        crds=not options.get("skipCrds"),
        tests=not options.get("skipTests"),
    )


def _commas(value: str) -> str:
    """A value in which commas are no separators, unless it is a list in braces (cleanSetParameters)."""
    if value.startswith("{") and value.endswith("}"):
        return value
    return re.sub(r"(?<!\\),", r"\,", value)


# --- a directory ------------------------------------------------------------------------------------------------


def _directory(source: Mapping[str, Any], root: str, files: Mapping[str, bytes]) -> list[Object]:
    options = source.get("directory") or {}
    if options.get("jsonnet"):
        raise GenerationError("kcsim does not evaluate jsonnet")
    found: list[Object] = []
    for path in sorted(files):
        name = path if root == "." else path.removeprefix(f"{root}/")
        if (root != "." and name == path) or not _is_wanted(name, options):
            continue
        if name.endswith(".jsonnet"):
            raise GenerationError(
                f'Failed to evaluate jsonnet "{posixpath.basename(name)}": kcsim does not evaluate jsonnet'
            )
        found.extend(_read(name, files[path]))
    return found


def _is_wanted(name: str, options: Mapping[str, Any]) -> bool:
    """findManifests: extension, depth, then the globs of exclude and include over the relative path."""
    if not name.endswith(_MANIFESTS) and not options.get("disableExtensionFilter"):
        return False
    if "/" in name and not options.get("recurse"):
        return False
    if options.get("exclude") and any(fnmatchcase(name, glob) for glob in _globs(options["exclude"])):
        return False
    return not options.get("include") or any(fnmatchcase(name, glob) for glob in _globs(options["include"]))


def _globs(pattern: str) -> list[str]:
    """A glob with alternatives in braces, as gobwas/glob reads ``{a,b}``, as globs without."""
    head, brace, rest = pattern.partition("{")
    inside, end, tail = rest.partition("}")
    if not brace or not end:
        return [pattern]
    return [f"{head}{choice}{after}" for choice in inside.split(",") for after in _globs(tail)]


def _read(name: str, data: bytes) -> list[Object]:
    base = posixpath.basename(name)
    if name.endswith(".json"):
        try:
            values = [json.loads(data)]
        except ValueError as error:
            raise GenerationError(f'Failed to unmarshal "{base}": {error}', "FailedPrecondition") from error
    else:
        try:
            values = [document.value for document in documents(data, name)]
        except ManifestError as error:
            raise GenerationError(f'Failed to unmarshal "{base}": {error}', "FailedPrecondition") from error
    found = []
    for value in values:
        if not value:
            continue
        if not isinstance(value, dict) or not value.get("kind"):
            raise GenerationError(
                f"Failed to unmarshal \"{base}\": failed to unmarshal manifest: Object 'Kind' is missing in {json.dumps(value)!r}",
                "FailedPrecondition",
            )
        found.append(value)
    return found


# --- kustomize --------------------------------------------------------------------------------------------------


def _kustomized(source: Mapping[str, Any], root: str, files: Mapping[str, bytes]) -> list[Object]:
    options = source.get("kustomize") or {}
    name = kustomization_file(root, files)
    changed = files
    if options and name is not None:
        path = _in(root, name)
        try:
            values = [d.value for d in documents(files[path], path, []) if d.value is not None]
        except ManifestError as error:
            raise GenerationError(f"`kustomize build {root}` failed exit status 1: Error: {error}") from error
        whole = _edited(values[0] if values else {}, options, root, files)
        changed = {**files, path: dump(whole).encode()}
    try:
        return build(changed, root)
    except KustomizeError as error:
        raise GenerationError(f"`kustomize build {root}` failed exit status 1: Error: {error}") from error


def _edited(
    kustomization: Mapping[str, Any], options: Mapping[str, Any], root: str, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """A kustomization after the ``kustomize edit`` commands of a source's options."""
    new = dict(kustomization)
    for field in ("namePrefix", "nameSuffix", "namespace"):
        if options.get(field):
            new[field] = options[field]
    if options.get("images"):
        new["images"] = _images(new.get("images") or [], options["images"])
    if options.get("replicas"):
        counts = {r["name"]: {"name": r["name"], "count": int(r["count"])} for r in options["replicas"]}
        rest = [r for r in new.get("replicas") or [] if r.get("name") not in counts]
        new["replicas"] = [*rest, *counts.values()]
    if options.get("commonLabels"):
        _add_labels(new, options)
    if options.get("commonAnnotations"):
        known = new.get("commonAnnotations") or {}
        new["commonAnnotations"] = _added(
            known,
            options["commonAnnotations"],
            "annotation",
            force=bool(options.get("forceCommonAnnotations")),
        )
    if options.get("patches"):
        new["patches"] = [*(new.get("patches") or []), *options["patches"]]
    components = [c for c in options.get("components") or () if _is_there(c, options, root, files)]
    if components:
        new["components"] = [*(new.get("components") or []), *components]
    return new


def _add_labels(new: dict[str, Any], options: Mapping[str, Any]) -> None:
    force = bool(options.get("forceCommonLabels"))
    if not options.get("labelWithoutSelector"):
        known = new.get("commonLabels") or {}
        new["commonLabels"] = _added(known, options["commonLabels"], "label", force=force)
        return
    entry: dict[str, Any] = {"pairs": dict(options["commonLabels"])}
    if options.get("labelIncludeTemplates"):
        entry["includeTemplates"] = True
    new["labels"] = [*(new.get("labels") or []), entry]


def _added(known: Mapping[str, str], extra: Mapping[str, str], what: str, *, force: bool) -> dict[str, str]:
    """``kustomize edit add label|annotation``: a key that is there already is refused without --force."""
    double = next((key for key in sorted(extra) if key in known), None)
    if double is not None and not force:
        flag = "--force"
        raise GenerationError(
            f"`kustomize edit add {what}` failed exit status 1: Error: {what} {double} already in kustomization file. "
            f"Use {flag} to override"
        )
    return {**known, **extra}


def _images(known: list[Any], wanted: list[str]) -> list[dict[str, Any]]:
    """``kustomize edit set image``: ``name[=newName][:tag][@digest]``; sorted by name as the command leaves them."""
    images = {image.get("name"): dict(image) for image in known}
    for text in wanted:
        name, equals, new_name = text.partition("=")
        value = new_name if equals else name
        value, at, digest = value.partition("@")
        head, slash, last = value.rpartition("/")
        last, colon, tag = last.partition(":")
        value = f"{head}{slash}{last}"
        changed: dict[str, Any] = {"name": name if equals else value}
        if equals and value != name:
            changed["newName"] = value
        if at:
            changed["digest"] = digest
        elif colon:
            changed["newTag"] = tag
        images[changed["name"]] = {**_without_tag(images.get(changed["name"], {})), **changed}
    return [images[name] for name in sorted(images, key=str)]


def _without_tag(image: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in image.items() if k not in {"newTag", "digest"}}


def _is_there(component: str, options: Mapping[str, Any], root: str, files: Mapping[str, bytes]) -> bool:
    path = posixpath.normpath(posixpath.join(root, component))
    return not options.get("ignoreMissingComponents") or any(p.startswith(f"{path}/") for p in files)
