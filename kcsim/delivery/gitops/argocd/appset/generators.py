"""The generators of ApplicationSets: from their specs to parameters.  Decides; never acts.

**Imitates:** argo-cd applicationset/generators (list.go, cluster.go, git.go, matrix.go, merge.go, pull_request.go,
generator_spec_processor.go, value_interpolation.go).
Left out: scmProvider, clusterDecisionResource and plugin, which are refused by name; the transformation of signatures.
Differs: where upstream's order is that of a map (clusters, merge), it is that of the names, or of the first generator.

**Walk:** `spec.generators[]` -> `transform` -> the function of its kind -> parameter sets -> the selector -> templates.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kcsim.api.objects import Object
from kcsim.api.selectors import DOES_NOT_EXIST, EQUALS, EXISTS, IN, NOT_IN, Requirement, select
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.appset.asks import Answers, Directories, Files, PullRequests
from kcsim.delivery.gitops.argocd.appset.names import sanitized, slug
from kcsim.delivery.gitops.argocd.appset.render import Params, Renderer
from kcsim.delivery.gitops.argocd.resources import metadata_of
from kcsim.engine.clock import seconds
from kcsim.manifests import ManifestError, documents

GIT_REQUEUE = seconds("3m")
PULL_REQUEST_REQUEUE = seconds("30m")
PROVIDERS = ("github", "gitlab", "gitea", "bitbucketServer", "bitbucket", "azuredevops")

_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}
_NESTED = 2
_SHORT, _SHORTER = 8, 7


class GeneratorError(ValueError):
    """A generator that gives no parameters; the ApplicationSet gets an ErrorOccurred with its text."""


@dataclass(frozen=True, slots=True)
class Set:
    """The ApplicationSet that generators work for, and what they know of the world."""

    spec: Mapping[str, Any]
    answers: Answers

    @property
    def renderer(self) -> Renderer:
        """How its templates are filled in."""
        return Renderer.of(self.spec)

    @property
    def project(self) -> str:
        """The project of its template; "" where that is a template itself."""
        name = str(((self.spec.get("template") or {}).get("spec") or {}).get("project") or "")
        return "" if "{{" in name else name


@dataclass(frozen=True, slots=True)
class Transformed:
    """The parameter sets of one generator, and the part of a template that it brings along."""

    params: list[Params]
    template: Mapping[str, Any]


def transform(
    generator: Mapping[str, Any], owner: Set, outer: Mapping[str, Any] | None = None
) -> list[Transformed]:
    """What a generator gives; `outer` are parameters of another generator with which it is filled in first.

    Raises: GeneratorError, RenderError; Wanted for a question that has not been answered.
    """
    selector = generator.get("selector")
    found = []
    for kind in generator:
        if kind == "selector" or generator[kind] is None:
            continue
        if kind not in _KINDS:
            raise GeneratorError(f"generator '{kind}' is not modelled by kcsim")
        spec = owner.renderer.generator({kind: generator[kind]}, outer) if outer else {kind: generator[kind]}
        params = _KINDS[kind](spec[kind] or {}, owner)
        if selector is not None:
            matches = _selector(json.dumps(selector, sort_keys=True))
            params = [p for p in params if matches(flattened(p))]
        found.append(Transformed(params, (generator[kind] or {}).get("template") or {}))
    return found


def requeue_after(generator: Mapping[str, Any]) -> int:
    """When (µs) a generator wants to be asked again; 0 for never."""
    found = []
    for kind, spec in generator.items():
        spec = spec or {}
        if kind in ("matrix", "merge"):
            found += [requeue_after(inner) for inner in spec.get("generators") or ()]
        elif kind in ("git", "pullRequest") and spec.get("requeueAfterSeconds") is not None:
            found.append(int(spec["requeueAfterSeconds"]) * seconds(1))
        elif kind in ("git", "pullRequest"):
            found.append(GIT_REQUEUE if kind == "git" else PULL_REQUEST_REQUEUE)
    return min((time for time in found if time), default=0)


def flattened(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Parameters as one map of texts, levels joined by dots: what selectors look at."""
    made: dict[str, str] = {}
    for key, value in params.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            made |= flattened(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            made |= flattened({str(i): item for i, item in enumerate(value)}, f"{name}.")
        else:
            made[name] = _shown(value)
    return made


# --- the kinds ----------------------------------------------------------------------------------------------------


def _list(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    elements = [dict(element) for element in spec.get("elements") or ()]
    made = elements if owner.renderer.go_template else [_plain_element(e) for e in elements]
    if text := spec.get("elementsYaml"):
        found = _parsed(text, "error unmarshling decoded ElementsYaml")
        if not isinstance(found, list):
            raise GeneratorError("error unmarshling decoded ElementsYaml: it is no list")
        made += [dict(element) for element in found]
    return made


def _plain_element(element: Mapping[str, Any]) -> Params:
    made: Params = {}
    for key, value in element.items():
        if key != "values":
            made[key] = _only_text(value)
            continue
        if not isinstance(value, Mapping):
            raise GeneratorError("error parsing values map")
        made |= {f"values.{k}": _only_text(v) for k, v in value.items()}
    return made


def _clusters(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    selector = spec.get("selector") or {}
    chosen = bool(selector.get("matchLabels") or selector.get("matchExpressions"))
    matches = _selector(json.dumps(selector, sort_keys=True)) if chosen else None
    by_name: dict[str, Object] = {}
    for secret in owner.answers.clusters:
        labels = metadata_of(secret).get("labels") or {}
        if labels.get(terms.SECRET_TYPE) == "cluster" and (matches is None or matches(labels)):
            by_name[_datum(secret, "name")] = secret
    made = [_cluster_params(by_name[name], owner) for name in sorted(by_name)]
    # The cluster that Argo CD runs in has no Secret by default, and with that no label to select it by.
    local = any(_datum(s, "server") == terms.IN_CLUSTER for s in by_name.values())
    if not chosen and not local:
        name = terms.IN_CLUSTER_NAME
        made.append({"name": name, "nameNormalized": name, "server": terms.IN_CLUSTER, "project": ""})
    made = [_with_values(p, spec, owner) for p in made]
    return [{"clusters": made}] if spec.get("flatList") else made


def _cluster_params(secret: Object, owner: Set) -> Params:
    name = _datum(secret, "name")
    made: Params = {
        "name": name,
        "nameNormalized": sanitized(name),
        "server": _datum(secret, "server"),
        "project": _datum(secret, "project"),
    }
    parts = {part: dict(metadata_of(secret).get(part) or {}) for part in ("annotations", "labels")}
    if owner.renderer.go_template:
        return made | {"metadata": {part: found for part, found in parts.items() if found}}
    return made | {f"metadata.{part}.{k}": v for part, found in parts.items() for k, v in found.items()}


def _git(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    try:
        if spec.get("directories"):
            return [_with_values(p, spec, owner) for p in _git_directories(spec, owner)]
        if spec.get("files"):
            return [_with_values(p, spec, owner) for p in _git_files(spec, owner)]
    except (LookupError, GeneratorError) as error:
        raise GeneratorError(f"error generating params from git: {error}") from None
    raise GeneratorError("ApplicationSet is empty")


def _git_directories(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    url, revision = str(spec.get("repoURL") or ""), str(spec.get("revision") or "")
    try:
        paths = owner.answers.to(Directories(url, revision, owner.project))
    except LookupError as error:
        raise GeneratorError(f"error getting directories from repo: {error.args[0]}") from None
    rules = [(_path_pattern(str(d.get("path") or "")), bool(d.get("exclude"))) for d in spec["directories"]]
    chosen = [
        path
        for path in paths
        if any(r is not None and not out and r.fullmatch(path) for r, out in rules)
        and not any(r is not None and out and r.fullmatch(path) for r, out in rules)
    ]
    return [_path_params(path, "", spec, owner) for path in chosen]


def _git_files(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    url, revision = str(spec.get("repoURL") or ""), str(spec.get("revision") or "")
    found: dict[str, str] = {}
    asked = [(bool(f.get("exclude")), str(f.get("path") or "")) for f in spec["files"]]
    for excluded, pattern in sorted(asked, key=lambda a: a[0]):
        try:
            files = owner.answers.to(Files(url, revision, owner.project, pattern))
        except LookupError as error:
            raise GeneratorError(str(error.args[0])) from None
        found = {k: v for k, v in found.items() if k not in files} if excluded else found | files
    made: list[Params] = []
    for path in sorted(found):
        try:
            objects = _file_objects(found[path])
        except GeneratorError as error:
            text = f"unable to process file '{path}' from repository '{url}': {error}"
            raise GeneratorError(text) from None
        for obj in objects:
            folder = posixpath.dirname(path) or "."
            params = dict(obj) if owner.renderer.go_template else dict(flattened(obj))
            made.append(params | _path_params(folder, posixpath.basename(path), spec, owner))
    return made


def _file_objects(text: str) -> list[Mapping[str, Any]]:
    found = _parsed(text, "unable to parse file")
    if found is None:
        return [{}]
    if isinstance(found, Mapping):
        return [found]
    if isinstance(found, list) and all(isinstance(item, Mapping) for item in found):
        return found
    raise GeneratorError("unable to parse file: it is neither an object nor a list of objects")


def _path_params(path: str, filename: str, spec: Mapping[str, Any], owner: Set) -> Params:
    prefix, base = str(spec.get("pathParamPrefix") or ""), posixpath.basename(path)
    facts: Params = {"path": path, "basename": base, "basenameNormalized": sanitized(base)}
    if filename:
        facts |= {"filename": filename, "filenameNormalized": sanitized(filename)}
    if owner.renderer.go_template:
        nested = {"path": facts | {"segments": path.split("/")}}
        return {prefix: nested} if prefix else nested
    name = f"{prefix}.path" if prefix else "path"
    made = {name if k == "path" else f"{name}.{k}": v for k, v in facts.items()}
    return made | {f"{name}[{i}]": part for i, part in enumerate(path.split("/")) if part}


def _pull_requests(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    provider = next((p for p in PROVIDERS if spec.get(p) is not None), "")
    if not provider:
        raise GeneratorError(
            "failed to select pull request service provider: no Pull Request provider implementation configured"
        )
    try:
        found = owner.answers.to(PullRequests(provider, json.dumps(spec[provider], sort_keys=True)))
    except LookupError as error:
        raise GeneratorError(f"error listing repos: {error.args[0]}") from None
    filters = [_pull_filter(raw) for raw in spec.get("filters") or ()]
    made = []
    for pull in found:
        if filters and not any(keeps(pull) for keeps in filters):
            continue
        params: Params = {
            "number": str(pull.number),
            "title": pull.title,
            "branch": pull.branch,
            "branch_slug": slug(pull.branch),
            "target_branch": pull.target_branch,
            "target_branch_slug": slug(pull.target_branch),
            "head_sha": pull.head_sha,
            "head_short_sha": pull.head_sha[:_SHORT],
            "head_short_sha_7": pull.head_sha[:_SHORTER],
            "author": pull.author,
        }
        if owner.renderer.go_template:
            params["labels"] = list(pull.labels)
        made.append(_with_values(params, spec, owner))
    return made


def _pull_filter(raw: Mapping[str, Any]) -> Callable[[Any], bool]:
    rules = []
    for field, attribute in (
        ("branchMatch", "branch"),
        ("targetBranchMatch", "target_branch"),
        ("titleMatch", "title"),
    ):
        if expression := raw.get(field):
            try:
                rules.append((re.compile(expression), attribute))
            except re.error as error:
                text = f"error compiling {field} regexp {json.dumps(expression)}: {error}"
                raise GeneratorError(f"error listing repos: {text}") from None
    return lambda pull: all(rule.search(getattr(pull, attribute)) for rule, attribute in rules)


def _matrix(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    inner = list(spec.get("generators") or ())
    if len(inner) != _NESTED:
        few = len(inner) < _NESTED
        raise GeneratorError(
            f"found {'less' if few else 'more'} than two generators, Matrix support only two"
        )
    try:
        first = _child(inner[0], owner, None)
    except GeneratorError as error:
        text = f"error failed to get params for first generator in matrix generator: {error}"
        raise GeneratorError(text) from None
    made = []
    for outer in first:
        try:
            second = _child(inner[1], owner, outer)
        except GeneratorError as error:
            text = f"failed to get params for second generator in the matrix generator: {error}"
            raise GeneratorError(text) from None
        made += [_combined(outer, params, owner) for params in second]
    return made


def _combined(first: Params, second: Params, owner: Set) -> Params:
    if owner.renderer.go_template:
        return deep_merged(second, first)
    made = {k: _shown(v) for k, v in first.items()}
    for key, value in second.items():
        if key in made and made[key] != _shown(value):
            text = f"found duplicate key {key} with different value, a: {made[key]} ,b: {_shown(value)}"
            why = "failed to combine string maps with merging params for the matrix generator"
            raise GeneratorError(f"{why}: {text}")
        made[key] = _shown(value)
    return made


def _merge(spec: Mapping[str, Any], owner: Set) -> list[Params]:
    inner = list(spec.get("generators") or ())
    if len(inner) < _NESTED:
        raise GeneratorError("found less than two generators, Merge requires two or more")
    sets = []
    for number, generator in enumerate(inner, 1):
        try:
            sets.append(_child(generator, owner, None))
        except GeneratorError as error:
            text = f"error getting params from generator {number} of {len(inner)}: {error}"
            raise GeneratorError(f"error getting param sets from generators: {text}") from None
    keys = list(dict.fromkeys(spec.get("mergeKeys") or ()))
    base = _by_keys(keys, sets[0])
    for overriding in sets[1:]:
        for key, params in _by_keys(keys, overriding).items():
            if key in base:
                deep = owner.renderer.go_template
                base[key] = deep_merged(base[key], params) if deep else {**base[key], **params}
    return list(base.values())


def _by_keys(keys: Sequence[str], sets: Sequence[Params]) -> dict[str, Params]:
    why = "error getting param sets by merge key"
    if not keys:
        raise GeneratorError(f"{why}: no merge keys were specified, Merge requires at least one")
    made: dict[str, Params] = {}
    for params in sets:
        key = json.dumps({k: params.get(k) for k in keys}, sort_keys=True, separators=(",", ":"))
        if key in made:
            text = "the parameters from a generator were not unique by the given mergeKeys, Merge requires all param sets"
            raise GeneratorError(f"{why}: {text} to be unique. Duplicate key was {key}")
        made[key] = params
    return made


def _child(generator: Mapping[str, Any], owner: Set, outer: Params | None) -> list[Params]:
    try:
        found = transform(generator, owner, outer)
    except ValueError as error:
        text = f"child generator returned an error on parameter generation: {error}"
        raise GeneratorError(text) from None
    if not found:
        raise GeneratorError("child generator generated no parameters")
    if len(found) > 1:
        raise GeneratorError("found more than one generator in matrix.Generators")
    return found[0].params


_KINDS: Mapping[str, Callable[[Mapping[str, Any], Set], list[Params]]] = {
    "list": _list,
    "clusters": _clusters,
    "git": _git,
    "pullRequest": _pull_requests,
    "matrix": _matrix,
    "merge": _merge,
}


# --- parts --------------------------------------------------------------------------------------------------------


def deep_merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two maps as one, level by level; what `over` says wins, unless it is empty (mergo.WithOverride)."""
    made = dict(under)
    for key, value in over.items():
        before = made.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            made[key] = deep_merged(before, value)
        elif key not in made or value not in (None, "", 0, False, [], {}):
            made[key] = value
    return made


def _with_values(params: Params, spec: Mapping[str, Any], owner: Set) -> Params:
    values: Mapping[str, str] = spec.get("values") or {}
    # Each is filled in from the parameters alone, so that values cannot blow one another up.
    made = {key: owner.renderer.text(value, params) for key, value in values.items()}
    if not made:
        return params
    if owner.renderer.go_template:
        return {**params, "values": made}
    return {**params, **{f"values.{k}": v for k, v in made.items()}}


def _datum(secret: Object, key: str) -> str:
    # As the API server holds it, or as a manifest may write it.
    texts = secret.get("stringData") or {}
    if key in texts:
        return str(texts[key])
    return base64.b64decode(str((secret.get("data") or {}).get(key) or "")).decode()


def _parsed(text: str, why: str) -> Any:
    try:
        found = documents(text, "file")
    except ManifestError as error:
        raise GeneratorError(f"{why}: {error}") from None
    return found[0].value if found else None


def _only_text(value: Any) -> str:
    if not isinstance(value, str):
        # Upstream prints the error that it does not have.
        raise GeneratorError("error parsing value as string %!w(<nil>)")
    return value


def _shown(value: Any) -> str:
    # As Go's %v prints it.
    if isinstance(value, bool):
        return str(value).lower()
    return "<nil>" if value is None else str(value)


@lru_cache(maxsize=512)
def _selector(text: str) -> Callable[[Mapping[str, str]], bool]:
    raw = json.loads(text)
    rules = [Requirement(key, EQUALS, (value,)) for key, value in (raw.get("matchLabels") or {}).items()]
    for item in raw.get("matchExpressions") or ():
        operator = str(item.get("operator") or "")
        if operator not in _OPERATORS:
            raise GeneratorError(
                f'error parsing label selector: "{operator}" is not a valid label selector operator'
            )
        rules.append(Requirement(item.get("key", ""), _OPERATORS[operator], tuple(item.get("values") or ())))
    # Values are free of the rules for labels, so that URLs of clusters can be selected by.
    return select(rules).matches


@lru_cache(maxsize=512)
def _path_pattern(pattern: str) -> re.Pattern[str] | None:
    # Go's path.Match: a star stays between two slashes.
    made, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            end = pattern.find("]", at + 2)
            if end < 0:
                return None
            body = pattern[at + 1 : end]
            made += f"[{body}]"
            at = end
        elif char == "\\" and at + 1 < len(pattern):
            at += 1
            made += re.escape(pattern[at])
        else:
            made += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        at += 1
    return re.compile(made, re.DOTALL)
