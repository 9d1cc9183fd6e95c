"""kustomize build.

**Imitates:** kustomize v5: api/internal/target/kusttarget.go (the order of everything), kusttarget_configplugin.go,
api/internal/builtins/SortOrderTransformer.go, api/krusty. Left out: helm charts, function and exec plugins,
validators, custom OpenAPI schemas, anything fetched from elsewhere; each is refused by name.

**Walk:** a directory's kustomization -> its resources (files, or other directories, accumulated first) -> generators ->
components -> patches, namespace, affixes, labels, annotations, replicas, images, replacements -> and once, at the very
end: hashes, references to changed names, vars, the final order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from kcsim.delivery.kustomize import origins, plugins
from kcsim.delivery.kustomize.crds import config_of_crds
from kcsim.delivery.kustomize.defaults import DEFAULT, Config, config_of, field_specs
from kcsim.delivery.kustomize.errors import Idle, KustomizeError
from kcsim.delivery.kustomize.fieldspec import FieldSpec, merge_specs
from kcsim.delivery.kustomize.generators import absorb, add_hashes, generate
from kcsim.delivery.kustomize.idle import WITH_TARGETS, selects_nothing
from kcsim.delivery.kustomize.kustomization import Kustomization, load_kustomization
from kcsim.delivery.kustomize.loader import Files, Loader, is_remote
from kcsim.delivery.kustomize.namerefs import fix_back_references
from kcsim.delivery.kustomize.ordering import sort_resources
from kcsim.delivery.kustomize.patches import apply_patch, read_patch
from kcsim.delivery.kustomize.replacements import apply_replacement
from kcsim.delivery.kustomize.resources import Resource, Resources, append_all, drop_empty, selector_of
from kcsim.delivery.kustomize.transformers import (
    ImageChange,
    add_prefix,
    add_suffix,
    set_entries,
    set_images,
    set_namespaces,
    set_replicas,
)
from kcsim.delivery.kustomize.variables import (
    Variable,
    mark_sources,
    merge_variables,
    resolve_variables,
    variable_of,
)
from kcsim.manifests import ManifestError, Path, documents, resolve_core

LoadRestrictor = Literal["rootOnly", "none"]
Reorder = Literal["none", "legacy"]

_LOCAL = "config.kubernetes.io/local-config"
_MANAGED_BY = {"app.kubernetes.io/managed-by": "kustomize-(devel)"}
"""What the label says of a kustomize that was built without a version (api/provenance)."""


@dataclass(frozen=True, slots=True)
class _Accumulated:
    """What a kustomization and all below it have come to so far."""

    resources: Resources = ()
    config: Config | None = None
    variables: tuple[Variable, ...] = ()

    def merge(self, other: _Accumulated) -> _Accumulated:
        return _Accumulated(
            append_all(self.resources, other.resources),
            _merge_configs(self.config, other.config),
            merge_variables(self.variables, other.variables),
        )

    def with_resources(self, resources: Resources) -> _Accumulated:
        return _Accumulated(drop_empty(resources), self.config, self.variables)


def _merge_configs(config: Config | None, other: Config | None) -> Config | None:
    # Nothing and the defaults are the defaults: most kustomizations never need to merge.
    if config is None and other is DEFAULT:
        return DEFAULT
    return config if other is None else (config or Config()).merge(other)


def build(
    files: Mapping[str, bytes],
    root: str = ".",
    load_restrictor: LoadRestrictor = "rootOnly",
    reorder: Reorder = "none",
) -> list[dict[str, Any]]:
    """The objects that the kustomization in the directory `root` builds, in kustomize's order.

    `files` maps paths to contents and is all there is to read. `load_restrictor` "none" lets a kustomization read
    files outside its directory, as Flux does. `reorder` "legacy" puts namespaces first and webhooks last where the
    kustomization has no `sortOptions`, as `kubectl apply -k` does. The objects may share parts with each other: do not
    change them.
    Raises: KustomizeError, whose text names the file.
    """
    given = Files(files)
    asked = (_root(root), load_restrictor, reorder)
    remembered = _builds.get(asked, ())
    for before, objects in remembered:
        if given.says_the_same(before):
            return list(objects)
    made = _build(given, *asked)
    if len(_builds) >= _MOST:
        del _builds[next(iter(_builds))]
    _builds[asked] = ((given.asked(), tuple(made)), *remembered[: _VARIANTS - 1])
    return made


def idle_entries(files: Mapping[str, bytes], root: str = ".") -> list[Idle]:
    """The entries of the kustomizations that are about nothing, in the order in which a build comes by them.

    Raises: KustomizeError, as `build` does.
    """
    found: list[Idle] = []
    _build(Files(files), _root(root), "none", "none", found)
    return found


_MOST, _VARIANTS = 4096, 4
_builds: dict[tuple[str, LoadRestrictor, Reorder], tuple[tuple[Files, tuple[dict[str, Any], ...]], ...]] = {}
"""The last builds of each directory, with what they have read: most commits leave most directories alone, and what an agent has
built, what measures ask for and what another world delivers is the same."""


def _build(
    files: Files,
    root: str,
    load_restrictor: LoadRestrictor,
    reorder: Reorder,
    idle: list[Idle] | None = None,
) -> list[dict[str, Any]]:
    loader = Loader(files, root, restrict=load_restrictor == "rootOnly", idle=idle)
    if not loader.is_directory("."):
        raise KustomizeError(loader.root, "no such directory")
    kustomization = load_kustomization(loader)
    told = kustomization.list("buildMetadata")
    loader = replace(loader, tracked=bool(told))
    done = _accumulate(loader, kustomization, _Accumulated())
    resources = add_hashes(done.resources)
    config = done.config or DEFAULT
    resources = fix_back_references(resources, config.name_references)
    resources = resolve_variables(resources, done.variables, config.variables)
    resources = tuple(r for r in resources if not _is_local(r.obj))
    options = kustomization.map("sortOptions") or ({"order": "legacy"} if reorder == "legacy" else {})
    resources = sort_resources(resources, options, kustomization.file)
    if "managedByLabel" in told:
        resources = set_entries(resources, _MANAGED_BY, (_METADATA_LABELS,))
    return [origins.with_final_annotations(r.obj, told) for r in resources]


def _root(root: str) -> str:
    return Loader(Files({}), ".").path(root)


def _is_local(obj: Mapping[str, Any]) -> bool:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return bool(annotations.get(_LOCAL, "false") != "false")


def _accumulate(loader: Loader, kustomization: Kustomization, start: _Accumulated) -> _Accumulated:
    done = _accumulate_resources(loader, kustomization, start)
    config = _merge_configs(done.config, _configurations(loader, kustomization))
    config = _merge_configs(config, _crds(loader, kustomization))
    done = _Accumulated(done.resources, config, done.variables)
    done = done.with_resources(_generated(loader, kustomization, done.resources))
    for path in kustomization.list("components"):
        done = _component(loader, kustomization, path, done)
    done = done.with_resources(_transformed(loader, kustomization, done))
    variables = tuple(variable_of(raw, kustomization.file) for raw in kustomization.list("vars"))
    marked = mark_sources(done.resources, variables)
    return _Accumulated(marked, done.config, merge_variables(done.variables, variables))


# ---------------------------------------------------------------- resources


def _accumulate_resources(loader: Loader, kustomization: Kustomization, done: _Accumulated) -> _Accumulated:
    for path in kustomization.list("resources"):
        if loader.path(path) in loader.files:
            more = read_resources(loader.load(path, kustomization.file), loader.path(path))
            if loader.tracked:
                more = origins.with_origin(more, {"path": loader.told(loader.path(path))})
            done = done.with_resources(append_all(done.resources, more))
        elif is_remote(path):
            raise KustomizeError(
                kustomization.file,
                f"accumulating resources from '{path}': remote bases are not fetched here: "
                "copy it into the repository and name the directory",
            )
        else:
            done = done.merge(_directory(loader, kustomization, path))
    return done


def _directory(loader: Loader, kustomization: Kustomization, path: str) -> _Accumulated:
    if not loader.is_directory(path):
        raise KustomizeError(
            kustomization.file,
            f"accumulating resources from '{path}': no such file or directory: {loader.path(path)}",
        )
    below = loader.enter(path, kustomization.file)
    found = load_kustomization(below)
    if found.kind == "Component":
        raise KustomizeError(kustomization.file, f"expected kind != 'Component' for path '{path}'")
    return _accumulate(below, found, _Accumulated())


def _component(loader: Loader, kustomization: Kustomization, path: str, done: _Accumulated) -> _Accumulated:
    if is_remote(path):
        raise KustomizeError(
            kustomization.file, f"component '{path}': remote components are not fetched here"
        )
    below = loader.enter(path, kustomization.file)
    found = load_kustomization(below)
    if found.kind != "Component":
        raise KustomizeError(
            kustomization.file, f"expected kind 'Component' for path '{path}' but got '{found.kind}'"
        )
    return _accumulate(below, found, done)


def read_resources(data: bytes, file: str) -> list[Resource]:
    """The objects of one file, lists expanded.

    Raises: KustomizeError.
    """
    try:
        found = [(d.value, d.line, d.column) for d in documents(data, file, plain=resolve_core) if d.value]
    except ManifestError as error:
        raise KustomizeError(error.file, error.message, error.line, error.column) from error
    result: list[Resource] = []
    pending = list(found)
    while pending:
        value, line, column = pending.pop(0)
        if isinstance(value, dict) and str(value.get("kind", "")).endswith("List") and "items" in value:
            pending.extend((item, line, column) for item in value["items"] or [])
            continue
        _check_object(value, file, line, column)
        result.append(Resource(value, file))
    return result


def _check_object(value: Any, file: str, line: int, column: int) -> None:
    if not isinstance(value, dict):
        raise KustomizeError(file, "an object is expected", line, column)
    if not isinstance(value.get("kind"), str) or not value["kind"]:
        raise KustomizeError(file, "missing Resource metadata: field 'kind'", line, column)
    if not isinstance(value.get("apiVersion", ""), str):
        raise KustomizeError(file, "apiVersion must be a string", line, column)
    metadata = value.get("metadata")
    problem = _metadata_problem(metadata)
    if problem:
        raise KustomizeError(file, problem, line, column)
    # A list without items is itself the resource, and needs no name.
    if not (metadata or {}).get("name") and not value["kind"].endswith("List"):
        raise KustomizeError(file, f"missing metadata.name in object {value['kind']}", line, column)


def _metadata_problem(metadata: Any) -> str:
    if metadata is None:
        return ""
    if not isinstance(metadata, dict):
        return "metadata must be an object"
    for field, shape, shown in (
        ("name", str, "a string"),
        ("namespace", str, "a string"),
        ("labels", dict, "an object"),
        ("annotations", dict, "an object"),
    ):
        if not isinstance(metadata.get(field, None), shape | None):
            return f"metadata.{field} must be {shown}"
    return ""


def _configurations(loader: Loader, kustomization: Kustomization) -> Config:
    merged = DEFAULT
    for path in kustomization.list("configurations"):
        file = loader.path(path)
        try:
            for document in _read(loader, path, kustomization.file):
                merged = merged.merge(config_of(document))
        except KeyError as error:
            raise KustomizeError(file, f"unknown field {error}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise KustomizeError(file, f"invalid configuration: {error}") from error
    return merged


def _crds(loader: Loader, kustomization: Kustomization) -> Config | None:
    merged: Config | None = None
    for path in kustomization.list("crds"):
        try:
            for types in _read(loader, path, kustomization.file):
                merged = (merged or Config()).merge(config_of_crds(types))
        except (ValueError, TypeError, AttributeError) as error:
            problem = f"unable to parse open API definition from '{path}': {error}"
            raise KustomizeError(loader.path(path), problem) from error
    return merged


def _generated(loader: Loader, kustomization: Kustomization, resources: Resources) -> Resources:
    file, options = kustomization.file, kustomization.map("generatorOptions")
    for kind, field in (("ConfigMap", "configMapGenerator"), ("Secret", "secretGenerator")):
        for number, args in enumerate(kustomization.list(field)):
            builtin = {"apiVersion": "builtin", "kind": f"{kind}Generator"}
            try:
                made = generate(kind, args, options, lambda path: loader.load(path, file), file)
                resources = _absorbed(resources, made, loader, Resource(builtin, file))
            except KustomizeError as error:
                error.in_entry(file, kustomization.place((field, number)))
                raise
    for entry in kustomization.list("generators"):
        for plugin in _plugins(loader, entry, file):
            resources = _absorbed(resources, plugins.generate(plugin.obj, loader), loader, plugin)
    return resources


def _absorbed(resources: Resources, made: Resource, loader: Loader, generator: Resource) -> Resources:
    if loader.tracked:
        [made] = origins.with_origin([made], origins.configured(loader.told(generator.file), generator.obj))
    return absorb(resources, made)


# ---------------------------------------------------------------- transformers, in upstream's order


_Step = Callable[[Resources], Resources]


def _transformed(loader: Loader, kustomization: Kustomization, done: _Accumulated) -> Resources:
    resources, config = done.resources, done.config or DEFAULT
    for entry, transformer, step in _steps(loader, kustomization, config):
        if loader.idle is not None:
            loader.idle.extend(_idle(loader, kustomization, entry, resources, config))
        try:
            resources = step(resources)
        except KustomizeError as error:
            error.in_entry(kustomization.file, kustomization.place(entry))
            raise
        if loader.tracked:
            by = origins.configured(loader.told(transformer.file), transformer.obj)
            resources = origins.with_transformation(resources, by)
        resources = drop_empty(resources)
    return resources


def _idle(
    loader: Loader, kustomization: Kustomization, entry: Path, resources: Resources, config: Config
) -> Iterator[Idle]:
    field, *below = entry
    raw = kustomization.list(str(field)) if field in WITH_TARGETS else []
    for number in below or range(len(raw)) if raw else ():
        one = raw[int(number)]
        for each in _replacements(loader, one, kustomization.file) if field == "replacements" else [one]:
            for where, message, wanted, names in selects_nothing(str(field), each, resources, config):
                line, column = kustomization.place((field, number, *where))
                yield Idle(kustomization.file, line, column, message, wanted, names)


def _steps(
    loader: Loader, kustomization: Kustomization, config: Config
) -> Iterator[tuple[Path, Resource, _Step]]:
    """Which entry it is, its transformer's configuration, and what it does."""
    file = kustomization.file

    def builtin(kind: str) -> Resource:
        return Resource({"apiVersion": "builtin", "kind": f"{kind}Transformer"}, file)

    merges = kustomization.list("patchesStrategicMerge")
    if merges:
        step = partial(_merge_patches, loader, file, merges)
        yield ("patchesStrategicMerge",), builtin("PatchStrategicMerge"), step
    for i, raw in enumerate(kustomization.list("patches")):
        yield ("patches", i), builtin("Patch"), partial(_patch, loader, file, raw)
    namespace, prefix, suffix = (kustomization.text(f) for f in ("namespace", "namePrefix", "nameSuffix"))
    if namespace:
        step = partial(set_namespaces, namespace=namespace, specs=config.namespace)
        yield ("namespace",), builtin("Namespace"), step
    if prefix:
        step = partial(add_prefix, prefix=prefix, specs=config.name_prefix)
        yield ("namePrefix",), builtin("Prefix"), step
    if suffix:
        step = partial(add_suffix, suffix=suffix, specs=config.name_suffix)
        yield ("nameSuffix",), builtin("Suffix"), step
    for pairs, specs in _labels(kustomization, config):
        yield ("labels",), builtin("Label"), partial(set_entries, pairs=pairs, specs=specs)
    annotations = kustomization.map("commonAnnotations")
    if annotations:
        specs = config.common_annotations
        step = partial(set_entries, pairs=annotations, specs=specs)
        yield ("commonAnnotations",), builtin("Annotations"), step
    for i, raw in enumerate(kustomization.list("patchesJson6902")):
        yield ("patchesJson6902", i), builtin("PatchJson6902"), partial(_patch, loader, file, raw)
    for i, raw in enumerate(kustomization.list("replicas")):
        name, count = raw.get("name") or "", raw.get("count") or 0
        step = partial(set_replicas, name=name, count=count, specs=config.replicas, file=file)
        yield ("replicas", i), builtin("ReplicaCount"), step
    for i, raw in enumerate(kustomization.list("images")):
        step = partial(set_images, change=image_change(raw), specs=config.images)
        yield ("images", i), builtin("ImageTag"), step
    if kustomization.list("replacements"):
        # One transformer for all of them, as upstream: what it has done is told once.
        yield ("replacements",), builtin("Replacement"), partial(_replaced, loader, kustomization)
    for i, path in enumerate(kustomization.list("transformers")):
        for plugin in _plugins(loader, path, file):
            yield ("transformers", i), plugin, partial(plugins.transform, plugin=plugin.obj, loader=loader)


def _merge_patches(loader: Loader, file: str, merges: list[str], resources: Resources) -> Resources:
    for entry in merges:
        is_file = loader.path(entry) in loader.files
        text = loader.load(entry, file) if is_file or "\n" not in entry else entry
        source = loader.path(entry) if is_file else f"{file} (inline patch)"
        patch = read_patch(text, source, None, {})
        if not patch.merges:
            raise KustomizeError(source, "patch appears to be empty")
        resources = apply_patch(resources, patch)
    return resources


def _patch(loader: Loader, file: str, entry: Mapping[str, Any], resources: Resources) -> Resources:
    text, path = (entry.get("patch") or "").strip(), entry.get("path") or ""
    if bool(text) == bool(path):
        problem = (
            "patch and path can't be set at the same time" if text else "must specify one of patch and path"
        )
        raise KustomizeError(file, problem)
    target = selector_of(entry["target"]) if entry.get("target") is not None else None
    source = loader.path(path) if path else f"{file} (inline patch)"
    patch = read_patch(loader.load(path, file) if path else text, source, target, entry.get("options") or {})
    return apply_patch(resources, patch)


_METADATA_LABELS = FieldSpec("metadata/labels", create=True)


def _labels(
    kustomization: Kustomization, config: Config
) -> Iterator[tuple[dict[str, str], tuple[FieldSpec, ...]]]:
    entries, common = kustomization.list("labels"), kustomization.map("commonLabels")
    for entry in entries:
        specs = merge_specs(_fields(entry, kustomization.file), config.labels)
        if entry.get("includeSelectors"):
            specs = merge_specs(specs, config.common_labels)
        else:
            if entry.get("includeTemplates"):
                specs = merge_specs(specs, config.template_labels)
            if entry.get("includeVolumeClaimTemplates"):
                specs = merge_specs(specs, config.claim_labels)
            specs = merge_specs(specs, (_METADATA_LABELS,))
        yield entry.get("pairs") or {}, specs
    if entries or common:
        yield common, config.common_labels


def _fields(entry: Mapping[str, Any], file: str) -> tuple[FieldSpec, ...]:
    try:
        return field_specs(entry.get("fields"))
    except ValueError as error:
        raise KustomizeError(file, f"labels: fields: {error}") from error


def image_change(raw: Mapping[str, Any]) -> ImageChange:
    """An entry of `images` as files write it."""

    def text(name: str) -> str:
        value = raw.get(name)
        return "" if value is None else str(value)

    return ImageChange(text("name"), text("newName"), text("newTag"), text("tagSuffix"), text("digest"))


def _replaced(loader: Loader, kustomization: Kustomization, resources: Resources) -> Resources:
    file = kustomization.file
    for number, raw in enumerate(kustomization.list("replacements")):
        try:
            for replacement in _replacements(loader, raw, file):
                resources = apply_replacement(resources, replacement, file)
        except KustomizeError as error:
            error.in_entry(file, kustomization.place(("replacements", number)))
            raise
    return resources


def _replacements(loader: Loader, raw: Mapping[str, Any], file: str) -> list[Mapping[str, Any]]:
    if not raw.get("path"):
        return [raw]
    found: list[Mapping[str, Any]] = []
    for document in _read(loader, raw["path"], file):
        found.extend(document if isinstance(document, list) else [document])
    return found


def _plugins(loader: Loader, entry: str, file: str) -> Resources:
    """The configurations that an entry of `generators` or `transformers` is, or leads to."""
    if loader.path(entry) not in loader.files and "\n" in entry:
        return tuple(Resource(value, file) for value in _values(entry, file))
    if loader.is_directory(entry):
        below = replace(loader.enter(entry, file), tracked=False)
        return _accumulate(below, load_kustomization(below), _Accumulated()).resources
    return tuple(Resource(value, loader.path(entry)) for value in _read(loader, entry, file))


def _read(loader: Loader, path: str, file: str) -> list[Any]:
    return _values(loader.load(path, file), loader.path(path))


def _values(text: str | bytes, file: str) -> list[Any]:
    try:
        return [d.value for d in documents(text, file, plain=resolve_core) if d.value]
    except ManifestError as error:
        raise KustomizeError(error.file, error.message, error.line, error.column) from error
