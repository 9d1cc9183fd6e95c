"""ConfigMaps and Secrets made from literals, files and env files, and the hash that their names end in.

**Imitates:** kustomize api/internal/generators, api/kv/kv.go, api/hasher/hasher.go, api/types/generatoroptions.go, and
`appendReplaceOrMerge` of api/resmap/reswrangler.go.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.origins import ORIGIN
from kcsim.delivery.kustomize.resources import Resource, Resources, append_all, find_by_any_id

Load = Callable[[str], bytes]
"""Reads a file named in a kustomization."""

_LINE = 70
_BEHAVIOURS = ("create", "merge", "replace")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+\Z")
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*\Z")


def generate(
    kind: str, args: Mapping[str, Any], options: Mapping[str, Any], load: Load, file: str
) -> Resource:
    """The ConfigMap or Secret that one generator entry asks for; `options` are the file's generatorOptions.

    Raises: KustomizeError.
    """
    name = args.get("name")
    if not name:
        raise KustomizeError(file, "a configmap must have a name")
    behaviour = args.get("behavior") or ""
    if behaviour and behaviour not in _BEHAVIOURS:
        raise KustomizeError(file, f"{kind} {name}: behavior must be one of {', '.join(_BEHAVIOURS)}")
    own = _merged_options(args.get("options") or {}, options)
    obj: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": _metadata(name, args, own)}
    pairs = _pairs(name, args, load, file)
    if kind == "Secret":
        obj["type"] = args.get("type") or "Opaque"
        if pairs:
            obj["data"] = {key: _base64(value) for key, value in pairs.items()}
    else:
        obj |= _config_data(pairs)
    if own.get("immutable"):
        obj["immutable"] = True
    return Resource(obj, file, behaviour=behaviour, needs_hash=not own.get("disableNameSuffixHash"))


def _merged_options(own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {
        k: {**(shared.get(k) or {}), **(own.get(k) or {})} for k in ("labels", "annotations")
    }
    # A local false cannot be told from no value, so that a global true always wins.
    return merged | {k: bool(own.get(k) or shared.get(k)) for k in ("disableNameSuffixHash", "immutable")}


def _metadata(name: str, args: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if args.get("namespace"):
        metadata["namespace"] = args["namespace"]
    return metadata | {field: options[field] for field in ("labels", "annotations") if options[field]}


def _config_data(pairs: Mapping[str, bytes]) -> dict[str, Any]:
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, value in pairs.items():
        try:
            text[key] = value.decode("utf-8")
        except UnicodeDecodeError:
            binary[key] = _base64(value)
    return ({"data": text} if text else {}) | ({"binaryData": binary} if binary else {})


def _base64(data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    if len(text) < _LINE:
        return text
    return "".join(text[i : i + _LINE] + "\n" for i in range(0, len(text), _LINE))


# ---------------------------------------------------------------- where keys and values come from


def _pairs(name: str, args: Mapping[str, Any], load: Load, file: str) -> dict[str, bytes]:
    envs = [*(args.get("envs") or []), *([args["env"]] if args.get("env") else [])]
    found: list[tuple[str, bytes]] = []
    for path in envs:
        found.extend(_env_lines(load(path), path))
    found.extend(_literal(text, file) for text in args.get("literals") or [])
    for source in args.get("files") or []:
        key, path = _file_source(source, file)
        found.append((key, load(path)))
    pairs: dict[str, bytes] = {}
    for key, value in found:
        if not _CONFIG_KEY.match(key):
            raise KustomizeError(file, f'"{key}" is not a valid key name')
        if key in pairs:
            raise KustomizeError(file, f"configmap {name} illegally repeats the key `{key}`")
        pairs[key] = value
    return pairs


def _env_lines(data: bytes, path: str) -> list[tuple[str, bytes]]:
    found = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            text = line.decode("utf-8").lstrip()
        except UnicodeDecodeError as error:
            raise KustomizeError(path, "invalid utf8 bytes", number, error.start + 1) from error
        if not text or text.startswith("#"):
            continue
        key, _, value = text.partition("=")
        if not _ENV_NAME.match(key):
            raise KustomizeError(path, f'"{key}" is not a valid key name', number, 1)
        found.append((key, value.encode()))
    return found


def _literal(text: Any, file: str) -> tuple[str, bytes]:
    key, equals, value = str(text).partition("=")
    if not key or not equals:
        raise KustomizeError(file, f"invalid literal source {text}, expected key=value")
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return key, value.encode()


def _file_source(source: str, file: str) -> tuple[str, str]:
    key, equals, path = source.partition("=")
    if not equals:
        return source.rpartition("/")[2], source
    if "=" in path:
        raise KustomizeError(file, f"source \"{source}\" key name or file path contains '='")
    if not key:
        raise KustomizeError(file, f'missing key name for file path "{path}" in source "{source}"')
    if not path:
        raise KustomizeError(file, f'missing file path for key name "{key}" in source "{source}"')
    return key, path


# ---------------------------------------------------------------- joining what is there


def absorb(resources: Resources, made: Resource) -> Resources:
    """The list with a generated resource appended, or merged into or put for the one that it names.

    Raises: KustomizeError when its behaviour does not fit what is there.
    """
    found = find_by_any_id(resources, made.id.equals)
    mixing = made.behaviour in ("merge", "replace")
    if not found:
        if mixing:
            raise KustomizeError(made.file, f"id {made.id} does not exist; cannot merge or replace")
        return append_all(resources, [made])
    if len(found) > 1:
        raise KustomizeError(made.file, f"found multiple objects that could accept merge of {made.id}")
    if not mixing:
        raise KustomizeError(
            made.file,
            f"id {made.id} exists; can not use behavior: '{made.behaviour or 'unspecified'}', "
            "behavior must be merge or replace",
        )
    [index] = found
    joined = _joined(resources[index], made)
    return (*resources[:index], joined, *resources[index + 1 :])


def _joined(old: Resource, new: Resource) -> Resource:
    was, now = old.obj["metadata"], new.obj["metadata"]
    metadata: dict[str, Any] = {"name": was["name"]}
    if was.get("namespace"):
        metadata["namespace"] = was["namespace"]
    for field in ("labels", "annotations"):
        both = {**(was.get(field) or {}), **(now.get(field) or {})}
        if both:
            metadata[field] = both
    if new.behaviour == "merge" and ORIGIN in (was.get("annotations") or {}):
        metadata["annotations"][ORIGIN] = was["annotations"][ORIGIN]
    obj = {**new.obj, "metadata": metadata}
    if new.behaviour == "merge":
        for field in ("data", "binaryData"):
            both = {**(old.obj.get(field) or {}), **(new.obj.get(field) or {})}
            if both:
                obj[field] = both
    return replace(old, obj=obj, needs_hash=new.needs_hash and old.needs_hash)


# ---------------------------------------------------------------- the hash in the name


def add_hashes(resources: Resources) -> Resources:
    """Generated resources with the hash of their content at the end of their names."""
    return tuple(
        r.remember().with_name(f"{r.id.name}-{name_hash(r.obj)}") if r.needs_hash else r for r in resources
    )


def name_hash(obj: Mapping[str, Any]) -> str:
    """Ten characters that stand for an object's content, of ConfigMaps and Secrets only their data."""
    kind = obj.get("kind")
    content: Mapping[str, Any] = obj
    if kind in ("ConfigMap", "Secret"):
        fields = ("data", "binaryData") if kind == "ConfigMap" else ("data", "stringData", "type")
        # Upstream looks for the name under a path that does not exist, so that it is always empty.
        content = {"kind": kind, "name": "", "data": obj.get("data") or ""}
        content |= {field: obj[field] for field in fields[1:] if obj.get(field)}
        if kind == "Secret":
            content |= {"type": obj.get("type") or ""}
    digest = hashlib.sha256(_go_json(content).encode()).hexdigest()[:10]
    # No vowels and none of the digits that look like them: a hash must spell nothing.
    return digest.translate(str.maketrans("013ae", "ghkmt"))


def _go_json(value: Any) -> str:
    """JSON as Go's encoding/json writes maps: sorted keys, no spaces, HTML characters escaped."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
