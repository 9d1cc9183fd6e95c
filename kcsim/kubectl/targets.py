"""What a command is about: objects named on the command line, chosen by selector, or written in files.

**Imitates:** kubectl's resource builder (cli-runtime ``pkg/resource/builder.go``): ``deploy/web``, ``deploy web``,
``deploy,rs``, ``-l``, ``--all``, ``-f``; and its error texts.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kcsim.api.gojson import JsonSyntaxError, loads
from kcsim.api.gotext import yaml_error
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session, list_error, server_error
from kcsim.manifests import Manifest, ManifestError, documents, read

NO_TARGET = """error: You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'"""
_VALIDATION = {"true": "Strict", "strict": "Strict", "warn": "Warn", "false": "Ignore", "ignore": "Ignore"}


@dataclass(frozen=True, slots=True)
class Target:
    """One object that a command line names."""

    resource: Resource
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """One object that a file holds."""

    resource: Resource
    namespace: str
    object: Object
    source: str


def namespace_of(session: Session, arguments: Arguments) -> str:
    """The namespace the command works in; "" for all."""
    if arguments.on("all-namespaces"):
        return ""
    return arguments.get("namespace", session.namespace)


def parse_targets(session: Session, words: list[str], namespace: str) -> tuple[list[Resource], list[Target]]:
    """Kinds without names, and named objects."""
    if not words:
        raise KubectlError(NO_TARGET)
    if any("/" in word for word in words):
        targets = []
        for word in words:
            kind, slash, name = word.partition("/")
            if "/" in name:
                raise KubectlError("error: arguments in resource/name form may not have more than one slash")
            if not slash or not name:
                raise KubectlError(
                    "error: there is no need to specify a resource type as a separate argument when passing arguments in "
                    "resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource "
                    "resource/<resource_name>'"
                )
            resource = session.resource(kind)
            targets.append(Target(resource, namespace if resource.namespaced else "", name))
        return [], targets
    kinds: list[Resource] = []
    for word in words[0].split(","):
        in_category = session.client.endpoint.server.catalog.in_category(word)
        kinds.extend(in_category or [session.resource(word)])
    names = words[1:]
    return ([], [_target(k, namespace, n) for k in kinds for n in names]) if names else (kinds, [])


def _target(resource: Resource, namespace: str, name: str) -> Target:
    return Target(resource, namespace if resource.namespaced else "", name)


def choose(
    session: Session,
    arguments: Arguments,
    words: list[str],
    failures: list[KubectlError] | None = None,
    *,
    all_of_kind: bool = False,
) -> Generator[Any, Any, list[Target]]:
    """The objects a command that changes things is about: named, by selector, or from files.

    ``failures``: as with ``written``; ``all_of_kind``: a kind alone stands for all its objects.
    """
    namespace = namespace_of(session, arguments)
    if arguments.flags.get("filename"):
        return [
            Target(w.resource, w.namespace, w.object["metadata"].get("name", ""))
            for w in written(session, arguments, failures, schema=False)
        ]
    kinds, targets = parse_targets(session, words, namespace)
    selector = arguments.get("selector")
    if targets and selector:
        raise KubectlError("error: name cannot be provided when a selector is specified")
    if targets:
        return targets
    if not (selector or all_of_kind or arguments.on("all") or arguments.get("field-selector")):
        raise KubectlError("error: resource(s) were provided, but no name was specified")
    for resource in kinds:
        found = yield from list_chosen(session, arguments, resource, namespace)
        targets.extend(
            Target(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
            for item in found["items"]
        )
    if not targets:
        arguments.came_to_nothing()
    return targets


def list_chosen(
    session: Session, arguments: Arguments, resource: Resource, namespace: str
) -> Generator[Any, Any, dict[str, Any]]:
    """The objects of a kind that -l and --field-selector choose, as a list."""
    labels, fields = arguments.get("selector"), arguments.get("field-selector")
    try:
        found: dict[str, Any] = yield session.client.list(
            resource, namespace if resource.namespaced else "", label_selector=labels, field_selector=fields
        )
    except StatusError as error:
        raise list_error(error, resource, labels, fields) from None
    return found


def written(
    session: Session,
    arguments: Arguments,
    failures: list[KubectlError] | None = None,
    *,
    schema: bool = True,
) -> list[Written]:
    """The objects in the files that -f names, with their resources and namespaces.

    With ``failures`` what cannot be read or is of no known kind is noted there, and the rest is given all the same
    (the builder's ContinueOnError).

    Raises:
        KubectlError: without ``failures``: a missing or broken file, an unknown kind, a namespace other than -n's.
    """
    found: list[Written] = []
    for each in reading(session, arguments, schema=schema):
        if isinstance(each, Written):
            found.append(each)
        elif failures is None:
            raise each
        else:
            failures.append(each)
    return found


def reading(
    session: Session, arguments: Arguments, *, schema: bool = True
) -> Iterator[Written | KubectlError]:
    """What -f names, object by object; each is looked up when it is asked for, so it may be of a kind made before it.

    ``schema``: whether the command looks at schemas, which words what is said of things that are no objects.

    Raises:
        KubectlError: a path that does not exist.
    """
    for path in arguments.all("filename"):
        for source, text in _texts(session, path, arguments.on("recursive")):
            checked = arguments.get("validate", "true" if schema else "false")
            try:
                manifests = _read(text, source, checked=checked not in {"false", "ignore"})
            except KubectlError as error:
                yield error
                continue
            for manifest in manifests:
                try:
                    found = placed(session, arguments, manifest.object, source)
                except KubectlError as error:
                    yield error
                else:
                    yield found


def locally(session: Session, arguments: Arguments) -> list[tuple[Target, Object]]:
    """The objects in files as they stand there, for a command with --local, which asks no server.

    Raises:
        KubectlError: no file, or one that cannot be read.
    """
    if not arguments.flags.get("filename"):
        raise KubectlError(NO_TARGET)
    plain = [
        manifest.object
        for path in arguments.all("filename")
        for source, text in _texts(session, path, arguments.on("recursive"))
        for manifest in read(text, source)
    ]
    return [
        (Target(each.resource, each.namespace, each.object["metadata"].get("name", "")), obj)
        for each, obj in zip(written(session, arguments), plain, strict=True)
    ]


def tell_all(session: Session, failures: Iterable[str]) -> None:
    """What went wrong, at the end of a command: only an error that is alone is called one (cmd/util: CheckErr)."""
    told = list(failures)
    for text in told:
        session.error(text if len(told) == 1 else text.removeprefix("error: "))


def _read(text: str | bytes, source: str, *, checked: bool) -> list[Manifest]:
    """The objects of one file.

    Raises:
        KubectlError: it cannot be read, or holds something that is no object; in kubectl's words.
    """
    try:
        return read(text, source)
    except ManifestError as error:
        plain = text if isinstance(text, str) else text.decode(errors="replace")
        if plain.lstrip().startswith("{"):
            _check_json(plain, source)
        problem = _no_object(plain, source, checked=checked)
        raise KubectlError(
            problem or f"error: error parsing {source}: error converting YAML to JSON: {yaml_error(error)}"
        ) from None


def _check_json(text: str, source: str) -> None:
    """What begins with a brace is read as JSON (``pkg/util/yaml``, YAMLOrJSONDecoder)."""
    try:
        json.loads(text)
    except ValueError:
        try:
            loads(text)
        except JsonSyntaxError as wrong:
            why = str(wrong).replace("unexpected end of JSON input", "unexpected EOF")
            raise KubectlError(f"error: error parsing {source}: {why}") from None


def _no_object(text: str, source: str, *, checked: bool) -> str:
    """What is said of a document without a kind or version, or one that is no mapping; "" of others."""
    try:
        values = [document.value for document in documents(text, source) if document.value is not None]
    except ManifestError:
        return ""
    for value in values:
        if not isinstance(value, dict):
            named = {list: "array", str: "string", bool: "bool"}.get(type(value), "number")
            why = f"json: cannot unmarshal {named} into Go value of type unstructured.detector"
            missing = "invalid object to validate"
        else:
            fields = [field for field in ("apiVersion", "kind") if not value.get(field)]
            if not fields:
                continue
            body = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
            why = f"Object 'Kind' is missing in '{body}'" if "kind" in fields else ""
            told = [f"{field} not set" for field in fields]
            missing = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
        if not checked and why:
            return f'error: unable to decode "{source}": {why}'
        return (
            f'error: error validating "{source}": error validating data: {missing}; if you choose to ignore '
            "these errors, turn validation off with --validate=false"
        )
    return ""


def _texts(session: Session, path: str, recursive: bool) -> list[tuple[str, str | bytes]]:
    files = session.files
    if path == "-":
        return [("STDIN", files.get("-", ""))]
    if path in files:
        return [(path, files[path])]
    inside = files_below(files, path, recursive=recursive)
    if inside:
        return [(p, files[p]) for p in inside]
    under = _folder(path)
    if any(p.startswith(under) for p in files):
        raise KubectlError(
            f"error: error reading [{path}]: recognized file extensions are [.json .yaml .yml]"
        )
    raise KubectlError(f'error: the path "{path}" does not exist')


def file_text(session: Session, path: str) -> str:
    """The text of one file."""
    content = session.files.get("-" if path == "-" else path)
    if content is None:
        raise KubectlError(f"error: unable to read patch file: open {path}: no such file or directory")
    return content if isinstance(content, str) else bytes(content).decode()


def files_below(files: Iterable[str], path: str, *, recursive: bool) -> list[str]:
    """The files that ``-f`` reads in a folder, in the order in which it walks them: name by name, folders among them."""
    under = _folder(path)
    inside = (
        p
        for p in files
        if p.startswith(under)
        and p.endswith((".yaml", ".yml", ".json"))
        and (recursive or "/" not in p[len(under) :])
    )
    return sorted(inside, key=lambda p: p.split("/"))


def _folder(path: str) -> str:
    return "" if path in {".", "./", ""} else path.removeprefix("./").rstrip("/") + "/"


def placed(session: Session, arguments: Arguments, obj: Object, source: str, *, fill: bool = True) -> Written:
    """An object that a text holds, with its resource and the namespace that it is for.

    ``fill``: the namespace of the command is written into an object without one.

    Raises:
        KubectlError: an unknown kind, a namespace other than -n's.
    """
    version, kind = obj.get("apiVersion", ""), obj.get("kind", "")
    resource = session.client.endpoint.server.catalog.of(obj)
    metadata = obj.get("metadata") or {}
    if resource is None:
        name, namespace = metadata.get("name", ""), metadata.get("namespace", "")
        raise KubectlError(
            f'error: resource mapping not found for name: "{name}" namespace: "{namespace}" from "{source}": '
            f'no matches for kind "{kind}" in version "{version}"\nensure CRDs are installed first'
        )
    if not resource.namespaced:
        return Written(resource, "", obj, source)
    asked = arguments.get("namespace")
    given = metadata.get("namespace", "")
    if asked and given and asked != given:
        raise KubectlError(
            f'error: the namespace from the provided object "{given}" does not match the namespace "{asked}". '
            f"You must pass '--namespace={given}' to perform this operation."
        )
    namespace = given or asked or session.namespace
    whole = {**obj, "metadata": {**metadata, "namespace": namespace}} if fill else obj
    return Written(resource, namespace, whole, source)


def check_named(item: Written) -> None:
    """Refuse an object without a name before anything is asked of the server (``pkg/resource/helper.go``)."""
    if not item.object["metadata"].get("name"):
        raise KubectlError("error: resource name may not be empty")


def validation(arguments: Arguments) -> str:
    """What the server does about fields that are not there (``cmdutil.GetValidationDirective``): Strict, Warn, Ignore.

    Raises:
        KubectlError: another --validate.
    """
    text = arguments.get("validate", "true")
    if text not in _VALIDATION:
        raise KubectlError(
            f'error: invalid - validate option "{text}"; must be one of: strict (or true), warn, ignore (or false)'
        )
    return _VALIDATION[text]


def tell(session: Session, error: StatusError, doing: str = "") -> None:
    """Print a server error and go on."""
    session.error(server_error(error, doing))
