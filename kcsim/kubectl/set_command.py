"""kubectl set: images, environment, resources, accounts, selectors and subjects.

**Imitates:** kubectl ``pkg/cmd/set`` (v1.33). Left out: ``set env --resolve`` of amounts of a container's resources.

**Walk:** words -> objects and a ``Change``, a function from an object to what it should be -> the difference as a
strategic patch -> what was updated.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Any

from kcsim.api import names, objects
from kcsim.api.gotext import go_quote
from kcsim.api.objects import Object
from kcsim.api.patch import strategic_diff
from kcsim.api.patching import patch_schema
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.creators.common import amounts, usage
from kcsim.kubectl.creators.policy import label_selector, subjects_of
from kcsim.kubectl.creators.shape import printed
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Target, choose, locally, tell

Change = Callable[[Target, Object], Object]
"""What an object should be.

Raises:
    KubectlError: when it cannot be changed so; nothing of it is changed then.
"""
_TEMPLATES = frozenset(
    {"Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "ReplicationController", "Job"}
)
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_NO_VARIABLE = names.regex_error(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit",
    _VARIABLE.pattern,
    "my.env-name",
    "MY_ENV.NAME",
    "MyEnvName1",
)
_NOT_IN_ENVIRONMENT = re.compile(r"[^a-zA-Z0-9_]")


def set_(session: Session, arguments: Arguments) -> Steps:
    """``kubectl set image|env|resources|serviceaccount|selector|subject``."""
    what, *words = arguments.words or [""]
    arguments.get("output")  # asked for, though nothing may have changed that could be printed
    command = SETTINGS.get(what)
    if command is None:
        raise usage("set", f'unknown command "{" ".join(arguments.words)}"')
    yield from command(session, arguments, words)
    return None


def pairs_of(words: Sequence[str], what: str) -> tuple[list[str], dict[str, str | None]]:
    """Objects, then ``key=value`` and ``key-`` changes (cmdutil.GetResourcesAndPairs).

    Raises:
        KubectlError: an object behind a change.
    """
    things: list[str] = []
    changes: list[str] = []
    for word in words:
        if "=" in word or (word.endswith("-") and len(word) > 1):
            changes.append(word)
        elif changes:
            raise KubectlError(f"error: all resources must be specified before {what} changes: {word}")
        else:
            things.append(word)
    wanted: dict[str, str | None] = {}
    for word in changes:
        key, equals, value = word.partition("=")
        wanted[key if equals else word[:-1]] = value if equals else None
    return things, wanted


def _updated(
    session: Session, arguments: Arguments, things: list[str], said: str, failing: str, change: Change
) -> Steps:
    """Change each object, and say so; one that changes nothing is passed over in silence."""
    client_only = arguments.get("dry-run") == "client" or arguments.on("local")
    if arguments.on("local"):
        found: list[tuple[Target, Object]] = locally(session, arguments)
    else:
        found = []
        for target in (yield from choose(session, arguments, things)):
            try:
                live = yield session.client.get(target.resource, target.namespace, target.name)
            except StatusError as error:
                tell(session, error)
                continue
            found.append((target, live))
    for target, live in found:
        try:
            wanted = change(target, live)
        except KubectlError as error:
            session.error(str(error))
            continue
        patch = strategic_diff.two_way(live, wanted, patch_schema(target.resource.gvk))
        if not patch and said != _ACCOUNT:
            continue
        new = wanted
        if not client_only:
            try:
                new = yield session.client.patch(
                    target.resource,
                    target.namespace,
                    target.name,
                    patch,
                    type="strategic",
                    field_manager=arguments.get("field-manager", "kubectl-set"),
                    dry_run=arguments.get("dry-run") == "server",
                )
            except StatusError as error:
                session.error(f"error: failed to patch {failing} {error.message}")
                continue
        tell_done(session, arguments, target.resource, printed(new), said)
    return None


def _pod_path(target: Target) -> tuple[str, ...]:
    """Where an object keeps the spec of pods (polymorphichelpers: UpdatePodSpecForObject)."""
    kind = target.resource.kind
    if kind == "Pod":
        return ("spec",)
    if kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template", "spec")
    if kind in _TEMPLATES:
        return ("spec", "template", "spec")
    raise _refused(
        target,
        f"the object is not a pod or does not have a pod template: *{target.resource.version}.{kind}",
    )


def _refused(target: Target, why: str) -> KubectlError:
    return KubectlError(f"error: {target.resource.plural}/{target.name} {why}")


def _with_containers(
    target: Target, obj: Object, edit: Callable[[Object], Object], fields: Sequence[str] = ("containers",)
) -> Object:
    path = _pod_path(target)
    spec = objects.get_in(obj, path, {})
    for field in fields:
        if spec.get(field):
            spec = {**spec, field: [edit(container) for container in spec[field]]}
    changed: Object = objects.assoc(obj, path, spec)
    return changed


_BOTH = ("containers", "initContainers")
_ACCOUNT = "serviceaccount updated"


# --- image ------------------------------------------------------------------------------------------------------


def _image(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    things, images = pairs_of(words, "image")
    if not images:
        yield from choose(session, arguments, things)  # what the words name is looked at before
        raise KubectlError("error: at least one image update is required")
    if len(images) > 1 and "*" in images:
        raise KubectlError(
            "error: all containers are already specified by *, but saw more than one container_name=container_image pairs"
        )

    def change(target: Target, obj: Object) -> Object:
        spec = objects.get_in(obj, _pod_path(target), {})
        there = {c["name"] for field in _BOTH for c in spec.get(field) or ()}
        for name in images:
            if name not in {"*", *there}:
                raise KubectlError(f'error: unable to find container named "{name}"')

        def edit(container: Object) -> Object:
            image = images.get(container["name"], images.get("*"))
            return {**container, "image": image} if image else container

        return _with_containers(target, obj, edit, _BOTH if "*" not in images else ("containers",))

    yield from _updated(session, arguments, things, "image updated", "image update to pod template:", change)


# --- environment ------------------------------------------------------------------------------------------------


def _env(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    things, wanted = pairs_of(words, "environment")
    for item in arguments.flags.get("env", ()):
        key, _, value = item.partition("=")
        wanted[key] = value
    given = [word.partition("=")[0] for word in words if "=" in word]
    if {word[:-1] for word in words if "=" not in word and word.endswith("-")} & set(given):
        raise KubectlError(
            "error: can not both modify and remove the same environment variable in the same command"
        )
    for key in given:
        if not _VARIABLE.fullmatch(key):
            raise KubectlError(f'error: "{key}" is not a valid key name: {_NO_VARIABLE}')
    entries: list[Object] = [
        {"name": k, "value": v} if v else {"name": k} for k, v in wanted.items() if v is not None
    ]
    if arguments.get("from"):
        entries = [*(yield from _env_from(session, arguments)), *entries]
    if arguments.on("list"):
        yield from _list_env(session, arguments, things)
        return None
    removed = {key for key, value in wanted.items() if value is None}
    chosen = arguments.get("containers", "*")

    def change(target: Target, obj: Object) -> Object:
        spec = objects.get_in(obj, _pod_path(target), {})
        if not any(_fits(c["name"], chosen) for field in _BOTH for c in spec.get(field) or ()):
            session.warn(
                f'Warning: {target.resource.kind}/{target.name} does not have any containers matching "{chosen}"'
            )

        def edit(container: Object) -> Object:
            if not _fits(container["name"], chosen):
                return container
            current = {entry["name"]: entry for entry in container.get("env") or ()}
            if not arguments.on("overwrite", default=True):
                for entry in entries:
                    if entry["name"] in current:
                        had = current[entry["name"]].get("value", "")
                        raise _refused(
                            target, f"'{entry['name']}' already has a value ({had}), and --overwrite is false"
                        )
            merged = {k: v for k, v in current.items() if k not in removed}
            merged |= {entry["name"]: entry for entry in entries}
            rest = {k: v for k, v in container.items() if k != "env"}
            return {**rest, "env": list(merged.values())} if merged else rest

        return _with_containers(target, obj, edit, _BOTH)

    yield from _updated(session, arguments, things, "env updated", "env update to pod template:", change)
    return None


def _fits(name: str, pattern: str) -> bool:
    """Whether a container is meant: ``*`` at either end stands for anything (selectContainers)."""
    if "*" not in pattern:
        return name == pattern
    first, *_, last = pattern.split("*")
    return name.startswith(first) and name.endswith(last)


def _env_from(session: Session, arguments: Arguments) -> Steps:
    """An entry for each key of the ConfigMap or Secret of --from."""
    kind, _, name = arguments.get("from").partition("/")
    resource = session.resource(kind)
    namespace = arguments.get("namespace", session.namespace)
    source = yield session.client.get(resource, namespace, name)
    if resource.kind not in {"ConfigMap", "Secret"}:
        raise KubectlError("error: unsupported resource specified in --from")
    field = "configMapKeyRef" if resource.kind == "ConfigMap" else "secretKeyRef"
    asked = [key for key in arguments.all("keys") if key]
    entries = []
    for key in sorted(source.get("data") or {}):
        if asked and key not in asked:
            continue
        variable = _NOT_IN_ENVIRONMENT.sub("_", key).upper()
        if variable != key:
            session.warn(f"Warning: key {key} transferred to {variable}")
        prefixed = f"{arguments.get('prefix')}{variable}"
        entries.append({"name": prefixed, "valueFrom": {field: {"key": key, "name": name}}})
    return entries


def _list_env(session: Session, arguments: Arguments, things: list[str]) -> Steps:
    """``kubectl set env KIND/NAME --list``, with ``--resolve`` what stands behind references."""
    chosen = arguments.get("containers", "*")
    lost: dict[str, None] = {}
    for target in (yield from choose(session, arguments, things)):
        live = yield session.client.get(target.resource, target.namespace, target.name)
        spec = objects.get_in(live, _pod_path(target), {})
        for container in (c for field in _BOTH for c in spec.get(field) or ()):
            if not _fits(container["name"], chosen):
                continue
            session.print(f"# {target.resource.kind} {target.name}, container {container['name']}")
            for entry in container.get("env") or ():
                source, value = entry.get("valueFrom"), entry.get("value", "")
                if source and arguments.on("resolve"):
                    try:
                        value = yield from _resolved(session, target, live, source)
                    except (KubectlError, StatusError) as error:
                        lost[f"error retrieving reference for {entry['name']}: {error}"] = None
                    else:
                        source = None
                session.print(
                    f"# {entry['name']} from {_source(source)}" if source else f"{entry['name']}={value}"
                )
    for line in lost:
        session.warn(line)
    return None


def _resolved(session: Session, target: Target, live: Object, source: Object) -> Steps:
    """The value that a reference leads to (GetEnvVarRefValue).

    Raises:
        KubectlError: there is none.
    """
    (kind, ref), *_ = source.items()
    if kind == "fieldRef":
        return _field(live, ref.get("fieldPath", ""))
    if kind not in ("configMapKeyRef", "secretKeyRef"):
        raise KubectlError(f"kcsim does not model --resolve of {_source(source)}")
    word, what = ("configmaps", "config map") if kind == "configMapKeyRef" else ("secrets", "secret")
    held = yield session.client.get(word, target.namespace, ref.get("name", ""))
    value = (held.get("data") or {}).get(ref.get("key", ""))
    if value is None:
        raise KubectlError(f"key {ref.get('key', '')} not found in {what} {ref.get('name', '')}")
    return value if word == "configmaps" else base64.b64decode(value).decode(errors="replace")


_SUBSCRIPT = re.compile(r"(metadata\.(?:annotations|labels))\['(.*)'\]")


def _field(live: Object, path: str) -> str:
    """What a field of the object says (extractFieldPathAsString)."""
    metadata = live["metadata"]
    if found := _SUBSCRIPT.fullmatch(path):
        return str((metadata.get(found[1].partition(".")[2]) or {}).get(found[2], ""))
    if path in ("metadata.annotations", "metadata.labels"):
        entries = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f"{key}={go_quote(entries[key])}" for key in sorted(entries))
    if path in ("metadata.name", "metadata.namespace", "metadata.uid"):
        return str(metadata.get(path.partition(".")[2], ""))
    raise KubectlError(f"unsupported fieldPath: {path}")


def _source(source: Object) -> str:
    """Where a value comes from (``pkg/cmd/set/env/env_resolve.go``, GetEnvVarRefString)."""
    (kind, ref), *_ = source.items()
    if kind == "fieldRef":
        return f"field path {ref.get('fieldPath', '')}"
    if kind == "resourceFieldRef":
        container = f"{ref['containerName']}/" if ref.get("containerName") else ""
        return f"resource field {container}{ref.get('resource', '')}"
    what = {"configMapKeyRef": "configmap", "secretKeyRef": "secret"}.get(kind, kind)
    return f"{what} {ref.get('name', '')}, key {ref.get('key', '')}"


# --- resources, accounts ----------------------------------------------------------------------------------------


def _resources(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    wanted = {flag: amounts(arguments, flag) for flag in ("limits", "requests") if arguments.get(flag)}
    if not wanted:
        raise KubectlError(
            "error: you must specify an update to requests or limits (in the form of --requests/--limits)"
        )
    chosen = arguments.get("containers", "*")

    def change(target: Target, obj: Object) -> Object:
        spec = objects.get_in(obj, _pod_path(target), {})
        if not any(_fits(container["name"], chosen) for container in spec.get("containers") or ()):
            raise KubectlError(f"error: unable to find container named {chosen}")

        def edit(container: Object) -> Object:
            if not _fits(container["name"], chosen):
                return container
            held = container.get("resources") or {}
            changed = {flag: {**(held.get(flag) or {}), **new} for flag, new in wanted.items()}
            return {**container, "resources": {**held, **changed}}

        return _with_containers(target, obj, edit)

    said = "resource requirements updated"
    yield from _updated(session, arguments, words, said, "limit update to pod template", change)


def _account(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    if not words:
        raise KubectlError("error: serviceaccount is required")
    *things, account = words

    def change(target: Target, obj: Object) -> Object:
        path = _pod_path(target)
        spec = {**objects.get_in(obj, path, {}), "serviceAccountName": account}
        changed: Object = objects.assoc(obj, path, spec)
        return changed

    yield from _updated(session, arguments, things, _ACCOUNT, "ServiceAccountName", change)


# --- selectors, subjects ----------------------------------------------------------------------------------------


def _selector(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    *things, text = words or [""]
    wanted = label_selector(text)

    def change(target: Target, obj: Object) -> Object:
        if target.resource.kind != "Service":
            raise KubectlError("error: setting a selector is only supported for Services")
        if wanted.get("matchExpressions"):
            shown = " ".join(
                f"{{{each['key']} {each['operator']} [{' '.join(each.get('values', ()))}]}}"
                for each in wanted["matchExpressions"]
            )
            raise KubectlError(f"error: match expression [{shown}] not supported on this object")
        return {**obj, "spec": {**obj["spec"], "selector": wanted.get("matchLabels") or {}}}

    yield from _updated(session, arguments, things, "selector updated", "selector:", change)


def _subject(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    added = subjects_of(arguments)
    if not added:
        raise KubectlError("error: you must specify at least one value of user, group or serviceaccount")

    def change(target: Target, obj: Object) -> Object:
        if target.resource.kind not in {"RoleBinding", "ClusterRoleBinding"}:
            raise _refused(target, "setting subjects is only supported for RoleBinding/ClusterRoleBinding")
        held: list[Any] = list(obj.get("subjects") or ())
        new = [subject for subject in added if subject not in held]
        return {**obj, "subjects": [*held, *new]} if new else obj

    yield from _updated(session, arguments, words, "subjects updated", "subjects to rolebinding:", change)


SETTINGS: dict[str, Callable[[Session, Arguments, list[str]], Steps]] = {
    "env": _env,
    "image": _image,
    "resources": _resources,
    "res": _resources,
    "sa": _account,
    "selector": _selector,
    "serviceaccount": _account,
    "subject": _subject,
}
