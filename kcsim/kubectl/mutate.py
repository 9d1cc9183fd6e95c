"""kubectl scale, label, annotate, patch, taint, cordon and uncordon.

**Imitates:** kubectl ``pkg/cmd/{scale,label,annotate,patch,taint,drain}`` (v1.36): which request each sends, under
which field manager, and what it prints (kubernetes-api reference, 22.3).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kcsim.api import names as label_names
from kcsim.api import objects
from kcsim.api.gojson import JsonSyntaxError, loads
from kcsim.api.objects import Object
from kcsim.api.patch import json_patch, merge_patch, strategic
from kcsim.api.patching import patch_schema
from kcsim.api.status import StatusError, bad_request, no_such_resource
from kcsim.engine.task import Steps
from kcsim.kubectl.creators.common import usage
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Target, choose, file_text, locally, tell
from kcsim.kubectl.wait import duration
from kcsim.kubectl.watching import Changed
from kcsim.manifests import ManifestError, documents


def dry_words(arguments: Arguments) -> str:
    """What is said of a dry run."""
    return {"server": " (server dry run)", "client": " (dry run)"}.get(arguments.get("dry-run"), "")


def scale(session: Session, arguments: Arguments) -> Steps:
    """``kubectl scale KIND/NAME --replicas=N``."""
    replicas = arguments.integer("replicas")
    if replicas is None:
        raise KubectlError('error: required flag(s) "replicas" not set')
    if replicas < 0:
        raise KubectlError(
            "error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"
        )
    targets = yield from choose(session, arguments, arguments.words)
    found = []
    refusals = []
    for target in targets:
        try:
            yield session.client.get(target.resource, target.namespace, target.name)
            found.append(target)
        except StatusError as error:
            refusals.append(error.message)
    if not found:
        raise KubectlError(f"error: no objects passed to scale {', '.join(refusals)}".rstrip())
    for target in found:
        if "scale" not in target.resource.subresources:
            tell(session, no_such_resource())
            continue
        try:
            current = yield session.client.get(
                target.resource, target.namespace, target.name, subresource="scale"
            )
            wrong = _scale_precondition(arguments, current)
            if wrong:
                session.error(wrong)
                continue
            yield session.client.patch(
                target.resource,
                target.namespace,
                target.name,
                {"spec": {"replicas": replicas}},
                subresource="scale",
                field_manager="kubectl",
                dry_run=arguments.get("dry-run") == "server",
            )
            if arguments.get("timeout") and not arguments.get("dry-run"):
                yield from _wait_for_scale(session, arguments, target, replicas)
            new = yield session.client.get(target.resource, target.namespace, target.name)
        except StatusError as error:
            tell(session, error)
            continue
        tell_done(session, arguments, target.resource, new, "scaled")
    return None


def _scale_precondition(arguments: Arguments, current: Object) -> str:
    """What is wrong with the object as it is (scale.go: ScalePrecondition)."""
    wanted, have = arguments.integer("current-replicas"), (current.get("spec") or {}).get("replicas", 0)
    if wanted is not None and wanted >= 0 and have != wanted:
        return f"error: Expected replicas to be {wanted}, was {have}"
    version, live = arguments.get("resource-version"), objects.resource_version(current)
    if version and version != live:
        return f"error: Expected resource version to be {version}, was {live}"
    return ""


def _wait_for_scale(session: Session, arguments: Arguments, target: Target, replicas: int) -> Steps:
    """Wait until the controller has as many as asked for (scale.go: WaitForScaleHasDesiredReplicas)."""
    deadline = session.engine.now + duration(arguments, "timeout", "0s", forever=0)
    while True:
        obj = yield session.client.get(target.resource, target.namespace, target.name)
        if (obj.get("status") or {}).get("replicas", 0) == replicas:
            return None
        left = deadline - session.engine.now
        if not (yield Changed(session.client, target.resource, target.namespace, target.name, obj, left)):
            raise KubectlError(f'error: timed out waiting for "{target.name}" to be synced')


def split_changes(words: list[str]) -> tuple[list[str], dict[str, str | None]]:
    """Objects, and ``key=value`` or ``key-`` changes (None: remove)."""
    things: list[str] = []
    changes: dict[str, str | None] = {}
    for item in words:
        key, equals, value = item.partition("=")
        if equals:
            changes[key] = value
        elif item.endswith("-") and things:
            changes.setdefault(item[:-1], None)
        else:
            things.append(item)
    return things, changes


def label(session: Session, arguments: Arguments) -> Steps:
    """``kubectl label KIND NAME key=value key-``."""
    yield from _metadata(session, arguments, "labels", "labeled", "kubectl-label")


def annotate(session: Session, arguments: Arguments) -> Steps:
    """``kubectl annotate KIND NAME key=value key-``."""
    yield from _metadata(session, arguments, "annotations", "annotated", "kubectl-annotate")


def _metadata(session: Session, arguments: Arguments, field: str, verb: str, manager: str) -> Steps:
    things, changes = split_changes(arguments.words)
    if not things and not arguments.flags.get("filename"):
        raise KubectlError(
            "error: one or more resources must be specified as <resource> <name> or <resource>/<name>"
        )
    if arguments.on("list") and not changes:
        yield from _list_metadata(session, arguments, things, field)
        return None
    if not changes:
        raise KubectlError(f"error: at least one {field[:-1]} update is required")
    _check_metadata(arguments, field)
    if arguments.on("local"):
        found = locally(session, arguments)
    else:
        found = [(target, {}) for target in (yield from choose(session, arguments, things))]
    for target, written in found:
        try:
            live = written or (yield session.client.get(target.resource, target.namespace, target.name))
            current = live["metadata"].get(field) or {}
            taken = [
                f"'{key}' already has a value ({current[key]})"
                for key, value in changes.items()
                if value is not None and key in current and current[key] != value
            ]
            if taken and not arguments.on("overwrite"):
                session.error(_taken(field, taken))
                continue
            for key, value in changes.items():
                if value is None and key not in current and field == "labels":
                    session.print(f'{field[:-1]} "{key}" not found.')
            unchanged = all(current.get(k) == v for k, v in changes.items())
            body: Object = {"metadata": {field: changes}}
            if arguments.get("resource-version"):
                body["metadata"]["resourceVersion"] = arguments.get("resource-version")
            new = live
            if written:
                new = merge_patch.apply(live, body)
            elif not unchanged or arguments.get("resource-version"):
                new = yield session.client.patch(
                    target.resource,
                    target.namespace,
                    target.name,
                    body,
                    field_manager=arguments.get("field-manager", manager),
                    dry_run=arguments.get("dry-run") == "server",
                )
        except StatusError as error:
            tell(session, error)
            continue
        if arguments.on("list"):
            _show_metadata(session, new, field)
            continue
        removed = all(value is None for value in changes.values())
        said = verb
        if field == "labels" and unchanged:
            said = "not labeled"
        elif field == "labels" and removed:
            said = "unlabeled"
        tell_done(session, arguments, target.resource, new, said)
    return None


def _check_metadata(arguments: Arguments, field: str) -> None:
    """What kubectl refuses itself: no pairs, values no label has, a key that is set and removed."""
    given = [item for item in arguments.words if "=" in item]
    for item in given if field == "labels" else ():
        _, value, *more = item.split("=")
        if more:
            raise KubectlError(f"error: invalid label spec: {item}")
        wrong = label_names.is_valid_label_value(value)
        if wrong:
            raise KubectlError(f'error: invalid label value: "{item}": {";".join(wrong)}')
    both = {item.partition("=")[0] for item in given} & {w[:-1] for w in arguments.words if w.endswith("-")}
    if both and field == "labels":
        raise KubectlError("error: can not both modify and remove a label in the same command")
    if both:
        raise KubectlError(
            "error: can not both modify and remove the following annotation(s) in the same command: "
            + ", ".join(sorted(both))
        )


def _list_metadata(session: Session, arguments: Arguments, things: list[str], field: str) -> Steps:
    targets = yield from choose(session, arguments, things)
    for target in targets:
        live = yield session.client.get(target.resource, target.namespace, target.name)
        if len(targets) > 1:
            kind = f"{target.resource.kind}.{target.resource.group}"
            session.print(f"Listing {field} for {kind}/{target.name}:")
        _show_metadata(session, live, field, " " if len(targets) > 1 else "")
    return None


def _show_metadata(session: Session, obj: Object, field: str, indent: str = "") -> None:
    for key, value in sorted((obj["metadata"].get(field) or {}).items()):
        session.print(f"{indent}{key}={value}")


def _taken(field: str, values: list[str]) -> str:
    """What is said of keys that hold another value already."""
    if field == "labels":
        return "error: " + "\n".join(f"{value}, and --overwrite is false" for value in values)
    listed = "; ".join(values)
    return f"error: --overwrite is false but found the following declared annotation(s): {listed}"


_MEDIA = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}


def patch(session: Session, arguments: Arguments) -> Steps:
    """``kubectl patch KIND NAME -p '{...}' [--type merge|json|strategic]``."""
    text = arguments.get("patch")
    if arguments.get("patch-file"):
        if text:
            raise KubectlError("error: cannot specify --patch and --patch-file together")
        text = file_text(session, arguments.get("patch-file"))
    if not text:
        raise KubectlError("error: must specify --patch or --patch-file containing the contents of the patch")
    kind = arguments.get("type", "strategic")
    if kind not in _MEDIA:
        raise KubectlError(f'error: --type must be one of [json merge strategic], not "{kind}"')
    body = _patch_body(text, kind)
    if arguments.on("local"):
        for target, obj in locally(session, arguments):
            after = _patched_here(target, obj, body, kind)
            said = "patched" if after != obj else "patched (no change)"
            tell_done(session, arguments, target.resource, after, said, dry=False)
        return None
    for target in (yield from choose(session, arguments, arguments.words)):
        try:
            before = yield session.client.get(target.resource, target.namespace, target.name)
            after = yield session.client.patch(
                target.resource,
                target.namespace,
                target.name,
                body,
                type=kind,
                subresource=arguments.get("subresource"),
                field_manager=arguments.get("field-manager", "kubectl-patch"),
                field_validation="Warn",
                dry_run=arguments.get("dry-run") == "server",
            )
        except StatusError as error:
            if error.code == 415:
                version = f"{target.resource.group_version}, Kind={target.resource.kind}"
                raise KubectlError(
                    f"error: {_MEDIA[kind]} is not supported by {version}: {error.message}"
                ) from None
            tell(session, error)
            continue
        changed = content(before) != content(after)
        said = "patched" if changed else "patched (no change)"
        shown = session.client.endpoint.server.catalog.of(after) or target.resource
        if after.get("kind") == "Scale":
            shown = replace(shown, group="autoscaling", singular="scale")
        tell_done(session, arguments, shown, after, said, dry=False)
    return None


def _patched_here(target: Target, obj: Object, body: Any, kind: str) -> Object:
    """The object with the patch, without a server.

    Raises:
        KubectlError: a patch that cannot be applied.
    """
    try:
        if kind == "json":
            return dict(json_patch.apply(obj, body))
        if kind == "merge":
            return dict(merge_patch.apply(obj, body))
        return dict(strategic.apply(obj, body, patch_schema(target.resource.gvk)))
    except ValueError as error:
        raise KubectlError(f"error: {error}") from None


def _patch_body(text: str, kind: str) -> Any:
    """The patch as data; what is no YAML goes to the server as it is, and is refused in its words."""
    try:
        return documents(text, "--patch")[0].value
    except (ManifestError, IndexError):
        pass
    try:
        return loads(text)[0]
    except JsonSyntaxError as error:
        lead = "" if kind == "strategic" else "error decoding patch: "
        raise bad_request(f"{lead}{error}") from None


def content(obj: Object) -> Object:
    """The object without what every write changes."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in {"resourceVersion", "managedFields"}}
    return {**obj, "metadata": metadata}


# --- nodes ------------------------------------------------------------------------------------------------------


def cordon(session: Session, arguments: Arguments) -> Steps:
    """``kubectl cordon NODE``."""
    yield from _unschedulable(session, arguments, wanted=True)


def uncordon(session: Session, arguments: Arguments) -> Steps:
    """``kubectl uncordon NODE``."""
    yield from _unschedulable(session, arguments, wanted=False)


def _unschedulable(session: Session, arguments: Arguments, *, wanted: bool) -> Steps:
    for target in (yield from chosen_nodes(session, arguments, "cordon" if wanted else "uncordon")):
        yield from set_unschedulable(session, target, wanted=wanted, dry=arguments.get("dry-run"))
    return None


def chosen_nodes(session: Session, arguments: Arguments, verb: str) -> Steps:
    """The nodes that are named or selected; one that is not there ends the command before it begins.

    Raises:
        KubectlError: none is meant, or both ways are used.
        StatusError: 404.
    """
    words = [item.removeprefix("node/").removeprefix("nodes/") for item in arguments.words]
    if not words and not arguments.get("selector"):
        raise usage(verb, f"USAGE: {verb} NODE [flags]")
    if words and arguments.get("selector"):
        raise usage(verb, "cannot specify both a node name and a --selector option")
    targets = yield from choose(session, arguments, ["nodes", *words])
    for target in targets:
        yield session.client.get("nodes", "", target.name)
    return targets


def set_unschedulable(session: Session, target: Target, *, wanted: bool, dry: str = "") -> Steps:
    """Cordon or uncordon one node, saying what kubectl says."""
    said = "cordoned" if wanted else "uncordoned"
    try:
        tried = {"server": " (server dry run)", "client": " (dry run)"}.get(dry, "")
        node = yield session.client.get("nodes", "", target.name)
        if bool(node["spec"].get("unschedulable")) is wanted:
            session.print(f"node/{target.name} already {said}{tried}")
            return None
        body = {"spec": {"unschedulable": True if wanted else None}}
        yield session.client.patch("nodes", "", target.name, body, type="strategic", field_manager="kubectl")
    except StatusError as error:
        tell(session, error)
        return None
    session.print(f"node/{target.name} {said}{tried}")
    return None


def taint(session: Session, arguments: Arguments) -> Steps:
    """``kubectl taint nodes NAME key=value:Effect key:Effect-``."""
    names = [
        word for word in arguments.words if ":" not in word and "=" not in word and not word.endswith("-")
    ]
    changes = [word for word in arguments.words if word not in names]
    if not names:
        raise KubectlError("error: one or more resources must be specified as <resource> <name>")
    if not changes:
        raise KubectlError("error: at least one taint update is required")
    kind, *names = names
    resource = session.client.endpoint.server.catalog.by_word(kind)
    if resource is None:
        raise KubectlError(f'the server doesn\'t have a resource type "{kind}"')
    if resource.kind != "Node":
        raise KubectlError(f"error: invalid resource type {kind}, only node types are supported")
    added, removed = _read_taints(changes)
    for target in (yield from choose(session, arguments, ["nodes", *names])):
        try:
            node = yield session.client.get("nodes", "", target.name)
            taints = _without_taints(session, node["spec"].get("taints") or [], removed)
            taints = _with_taints(session, target.name, taints, added, arguments)
            if session.failed:
                continue
            new = yield session.client.patch(
                "nodes",
                "",
                target.name,
                {"spec": {"taints": taints or None}},
                field_manager="kubectl-taint",
                dry_run=arguments.get("dry-run") == "server",
            )
        except StatusError as error:
            tell(session, error)
            continue
        said = "untainted" if not added else "modified" if removed else "tainted"
        said = "modified" if arguments.on("overwrite") else said
        tell_done(session, arguments, target.resource, new, said, dry=False)
    return None


_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _read_taints(changes: list[str]) -> tuple[list[Object], list[Object]]:
    """What is to be there, and what is to go (``pkg/cmd/taint/utils.go``, parseTaints)."""
    added: list[Object] = []
    removed: list[Object] = []
    for text in changes:
        new = _taint(text.removesuffix("-"))
        if text.endswith("-"):
            removed.append(new)
            continue
        if not new["effect"]:
            raise usage("taint", f"invalid taint spec: {text}")
        if any((t["key"], t["effect"]) == (new["key"], new["effect"]) for t in added):
            shown = f"{{{new['key']} {new.get('value', '')} {new['effect']} <nil>}}"
            raise usage("taint", f"duplicated taints with the same key and effect: {shown}")
        added.append(new)
    both = [
        f"{t['key']}={t['effect']}"
        for t in added
        if any(t["key"] == gone["key"] and gone["effect"] in {"", t["effect"]} for gone in removed)
    ]
    if both:
        listed = ", ".join(both)
        raise KubectlError(
            f"error: can not both modify and remove the following taint(s) in the same command: {listed}"
        )
    return added, removed


def _taint(text: str) -> Object:
    parts = text.split(":")
    key, value, effect, wrong = parts[0], "", "", []
    if len(parts) > 2:
        raise usage("taint", f"invalid taint spec: {text}")
    if len(parts) == 2:
        effect = parts[1]
        if effect not in _EFFECTS:
            raise usage("taint", f"invalid taint effect: {effect}, unsupported taint effect")
        key, _, value = parts[0].partition("=")
        if "=" in value:
            raise usage("taint", f"invalid taint spec: {text}")
        wrong = label_names.is_valid_label_value(value)
    wrong = wrong or label_names.is_qualified_name(key)
    if wrong:
        raise usage("taint", f"invalid taint spec: {text}, {'; '.join(wrong)}")
    return {"key": key, **({"value": value} if value else {}), "effect": effect}


def _without_taints(session: Session, taints: list[Object], removed: list[Object]) -> list[Object]:
    for gone in removed:
        kept = [t for t in taints if t["key"] != gone["key"] or gone["effect"] not in {"", t["effect"]}]
        if len(kept) == len(taints):
            what = f"{gone['key']}:{gone['effect']}" if gone["effect"] else gone["key"]
            session.error(f'error: taint "{what}" not found')
        taints = kept
    return taints


def _with_taints(
    session: Session, node: str, taints: list[Object], added: list[Object], arguments: Arguments
) -> list[Object]:
    held = {(t["key"], t["effect"]): t for t in taints}
    taken = [new["key"] for new in added if (new["key"], new["effect"]) in held]
    if taken and not arguments.on("overwrite"):
        listed = ", ".join(taken)
        session.error(
            f"error: node {node} already has {listed} taint(s) with same effect(s) and --overwrite is false"
        )
        return taints
    names = {(new["key"], new["effect"]) for new in added}
    return [*added, *(t for key, t in held.items() if key not in names)]
