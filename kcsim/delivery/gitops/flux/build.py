"""From an artifact's files and a Kustomization's spec to the objects to apply.  Decides; never acts.

**Imitates:** fluxcd/pkg kustomize/kustomize_generator.go (generate, SecureBuild), kustomize-controller's build and the
owner labels of ssa/owner.go. Left out: SOPS decryption, so that what is encrypted is refused, and build metadata (refused by name).

**Walk:** files -> is there a kustomization file under the path? if not, one is generated from the manifests found ->
the fields of the spec are merged into it -> kustomize build -> variables -> owner labels.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object, with_annotations, with_labels
from kcsim.delivery.gitops.flux.ssa.drift import normalised
from kcsim.delivery.gitops.flux.substitute import SubstitutionError, substitute
from kcsim.delivery.gitops.flux.toolkit import OWNER_NAME, OWNER_NAMESPACE, spec
from kcsim.delivery.kustomize.build import build, read_resources
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.loader import FILE_NAMES
from kcsim.manifests import ManifestError, documents, dump

_KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
_TEXT_FIELDS = (("targetNamespace", "namespace"), ("namePrefix", "namePrefix"), ("nameSuffix", "nameSuffix"))
_NOT_MODELLED = {"buildMetadata": "spec.buildMetadata is not modelled by kcsim"}


class PathNotFound(Exception):
    """The path of the spec is not in the artifact."""


class BuildFailed(Exception):
    """No objects: the message is what the Ready condition shows."""


def directory(obj: Object, files: Mapping[str, bytes]) -> str:
    """``spec.path`` as a path of the artifact, ``.`` for all of it.

    Raises:
        PathNotFound: the artifact has no such directory.
    """
    path = posixpath.normpath(posixpath.join("/", spec(obj).get("path") or "./")).lstrip("/") or "."
    if path != "." and not any(p == path or p.startswith(f"{path}/") for p in files):
        raise PathNotFound(
            f"kustomization path not found: stat /tmp/kustomization/{path}: no such file or directory"
        )
    return path


def built(obj: Object, files: Mapping[str, bytes], variables: Mapping[str, str]) -> list[Object]:
    """The objects a Kustomization stands for, in kustomize's order, as they will be applied.

    Args:
        variables: what ``spec.postBuild`` knows, all sources merged.

    Raises:
        PathNotFound: see ``directory``.
        BuildFailed: anything wrong with the manifests.
    """
    for name, why in _NOT_MODELLED.items():
        if spec(obj).get(name):
            raise BuildFailed(why)
    root = directory(obj, files)
    name, kustomization = _kustomization(root, files)
    whole = _merged(obj, kustomization, root, files)
    path = posixpath.normpath(posixpath.join(root, name))
    try:
        made = build({**files, path: dump(whole).encode()}, root, load_restrictor="none")
    except KustomizeError as error:
        raise BuildFailed(f"kustomize build failed: {error}") from error
    if spec(obj).get("decryption"):
        _refuse_encrypted(made)
    if spec(obj).get("postBuild") is not None:
        made = [_substituted(obj, o, variables) for o in made]
    return [_labelled(obj, normalised(o)) for o in made]


def _refuse_encrypted(made: list[Object]) -> None:
    """Nothing can be decrypted here; where decryption is asked for and nothing is encrypted, nothing is missed."""
    for each in made:
        if "sops" in each:
            who = "/".join(filter(None, (each["kind"], objects.namespace(each), objects.name(each))))
            raise BuildFailed(
                f"{who} is encrypted with SOPS, which kcsim does not model: play it in plain text"
            )


# --- the kustomization ------------------------------------------------------------------------------------------


def _kustomization(root: str, files: Mapping[str, bytes]) -> tuple[str, dict[str, Any]]:
    """The name and content of the kustomization file of a directory, generated when there is none."""
    for name in FILE_NAMES:
        path = posixpath.normpath(posixpath.join(root, name))
        if path in files:
            try:
                found = [d.value for d in documents(files[path], path, []) if d.value is not None]
            except ManifestError as error:
                raise BuildFailed(f"{error}") from error
            value = found[0] if found else {}
            if not isinstance(value, dict):
                raise BuildFailed(f"{path}: invalid Kustomization: an object is expected")
            return name, {**_KUSTOMIZATION, **value}
    resources = scan(root, files)
    if not resources:
        # Upstream's way around kustomize's refusal of an empty kustomization.
        return FILE_NAMES[0], {**_KUSTOMIZATION, "namespace": "_placeholder"}
    return FILE_NAMES[0], {**_KUSTOMIZATION, "resources": resources}


def scan(root: str, files: Mapping[str, bytes]) -> list[str]:
    """The resources of a generated kustomization: manifests below a directory, and directories with a file of their own.

    Raises:
        BuildFailed: a YAML file holds something that is no Kubernetes object.
    """
    below = [
        p if root == "." else p.removeprefix(f"{root}/")
        for p in files
        if root == "." or p.startswith(f"{root}/")
    ]
    found: list[str] = []
    own = {posixpath.dirname(p) for p in below if posixpath.basename(p) in FILE_NAMES and "/" in p}
    for path in sorted(below, key=lambda p: p.split("/")):
        holder = _holder(path, own)
        if holder is not None:
            if holder not in found:
                found.append(holder)
            continue
        if not path.endswith((".yaml", ".yml")):
            continue
        full = posixpath.normpath(posixpath.join(root, path))
        try:
            read_resources(files[full], full)
        except KustomizeError as error:
            raise BuildFailed(f"failed to decode Kubernetes YAML from {full}: {error}") from error
        found.append(path)
    return found


def _holder(path: str, own: set[str]) -> str | None:
    """The outermost directory above a file that has a kustomization of its own."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        here = "/".join(parts[:depth])
        if here in own:
            return here
    return None


def _merged(
    obj: Object, kustomization: dict[str, Any], root: str, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """The kustomization with what the spec adds."""
    wanted, new = spec(obj), dict(kustomization)
    for ours, theirs in _TEXT_FIELDS:
        if wanted.get(ours):
            new[theirs] = wanted[ours]
    if wanted.get("patches"):
        patches = [{k: v for k, v in p.items() if k in {"patch", "target"}} for p in wanted["patches"]]
        new["patches"] = [*(new.get("patches") or []), *patches]
    components = [c for c in wanted.get("components") or () if _is_wanted(c, wanted, root, files)]
    if components:
        new["components"] = [*(new.get("components") or []), *components]
    if wanted.get("images"):
        new["images"] = _images(new.get("images") or [], wanted["images"])
    return new


def _is_wanted(component: str, wanted: Mapping[str, Any], root: str, files: Mapping[str, bytes]) -> bool:
    if "://" in component or component.startswith("/"):
        raise BuildFailed(f"component path '{component}' must be local and relative")
    path = posixpath.normpath(posixpath.join(root, component))
    there = any(p.startswith(f"{path}/") for p in files)
    return there or not wanted.get("ignoreMissingComponents")


def _images(theirs: list[Any], ours: list[Any]) -> list[dict[str, Any]]:
    images = [dict(image) for image in theirs]
    for image in ours:
        known = next((i for i in images if i.get("name") == image.get("name")), None)
        if known is None:
            images.append({k: v for k, v in image.items() if v})
            continue
        if image.get("newName"):
            known["newName"] = image["newName"]
        if image.get("newTag") or image.get("digest"):
            known.pop("newTag", None)
            known.pop("digest", None)
            known.update({k: image[k] for k in ("newTag", "digest") if image.get(k)})
    return images


# --- what is done to each object --------------------------------------------------------------------------------


def _substituted(obj: Object, built_object: Object, variables: Mapping[str, str]) -> Object:
    post = spec(obj)["postBuild"]
    metadata = built_object.get("metadata") or {}
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    if marks.get("kustomize.toolkit.fluxcd.io/substitute") == "disabled":
        return built_object
    if not variables and post.get("substituteStrategy") != "Always":
        return built_object
    text = dump(built_object)
    try:
        changed = substitute(text, variables)
        if changed == text:
            return built_object
        value = documents(changed, "")[0].value
    except (SubstitutionError, ManifestError) as error:
        who = f"{built_object.get('kind')}/{metadata.get('name')}"
        raise BuildFailed(f"post build failed for '{who}': {error}") from error
    if not isinstance(value, dict):
        raise BuildFailed(f"post build failed for '{metadata.get('name')}': no object is left")
    return value


def _labelled(obj: Object, built_object: Object) -> Object:
    """With the common metadata and the labels that say whose it is."""
    common = spec(obj).get("commonMetadata") or {}
    metadata = obj["metadata"]
    owner = {OWNER_NAME: metadata["name"], OWNER_NAMESPACE: metadata.get("namespace", "")}
    new = with_labels(built_object, {**owner, **(common.get("labels") or {})})
    return with_annotations(new, common["annotations"]) if common.get("annotations") else new


def checksum(built_objects: list[Object]) -> str:
    """A text that is the same for the same objects; its digest is what ``status.history`` keeps."""
    return json.dumps(built_objects, sort_keys=True, separators=(",", ":"))
