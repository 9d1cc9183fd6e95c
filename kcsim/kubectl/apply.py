"""kubectl apply, create, replace and delete: files become objects.

**Imitates:** kubectl ``pkg/cmd/apply`` (v1.36): the three-way merge between the last-applied annotation, the file and
the live object (kubernetes-api reference, 7.2), server-side apply; ``pkg/cmd/{create,replace,delete}``.
"""

from __future__ import annotations

import json
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Call
from kcsim.api.objects import Object
from kcsim.api.patch import three_way
from kcsim.api.patch.values import PatchError
from kcsim.api.patching import patch_schema
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError, Unreachable
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Sleep, Steps
from kcsim.kubectl.create import create_named
from kcsim.kubectl.edit import create_edited
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.last_applied import last_applied
from kcsim.kubectl.migration import CLIENT_SIDE, LAST_APPLIED, SERVER_SIDE, migrate
from kcsim.kubectl.noting import last_applied_text, with_note
from kcsim.kubectl.printing import print_objects, tell_done
from kcsim.kubectl.prune import check_prune, prune, selected
from kcsim.kubectl.session import KubectlError, Session, named, server_error, word
from kcsim.kubectl.targets import Target, Written, check_named, choose, reading, tell_all, validation, written
from kcsim.kubectl.wait import duration

_CONFLICT_RETRIES = 5


def apply(session: Session, arguments: Arguments) -> Steps:
    """``kubectl apply -f``, and the commands about what was applied last."""
    if arguments.words:
        return (yield from last_applied(session, arguments))
    validation(arguments)
    if not arguments.flags.get("filename"):
        raise KubectlError("error: must specify one of -f and -k")
    if arguments.on("force-conflicts") and not arguments.on("server-side"):
        raise KubectlError("error: --force-conflicts only works with --server-side")
    if arguments.on("server-side") and arguments.get("dry-run") == "client":
        raise KubectlError(
            "error: --dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)"
        )
    if arguments.on("server-side") and arguments.on("force"):
        raise KubectlError("error: --force cannot be used with --server-side")
    check_prune(session, arguments)
    unread: list[KubectlError] = []
    items = selected(written(session, arguments, unread), arguments)
    if not items and not unread:
        raise KubectlError("error: no objects passed to apply")
    for item in items:
        if item.object["metadata"].get("generateName") and not item.object["metadata"].get("name"):
            prefix = item.object["metadata"]["generateName"]
            raise KubectlError(f"error: from {prefix}: cannot use generate name with apply")
    one = server_side if arguments.on("server-side") else client_side
    applied: list[Object] = []
    failures = [str(error) for error in unread]
    for item in items:
        try:
            obj, what = yield from one(session, arguments, item)
        except StatusError as error:
            if isinstance(error, Unreachable) and item is items[0]:
                raise  # discovery comes before the first object: without a server none of them is tried
            if arguments.on("server-side") and error.is_conflict:
                failures.append(f"error: {error.message}\n{_CONFLICT_HELP}")
            else:
                failures.append(server_error(error))
            continue
        except KubectlError as error:
            failures.append(str(error))
            continue
        applied.append(obj)
        if not arguments.get("output") or arguments.get("output") == "name":
            _report(session, arguments, item.resource, obj, what)
    if failures:
        tell_all(session, failures)
        return None
    if arguments.get("output") not in {"", "name"}:
        print_objects(session, arguments, applied)
    if arguments.on("prune"):
        yield from prune(session, arguments, applied)
    return None


_NOTHING_NAMED = """error: You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'"""
_CONFLICT_HELP = """Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"""


def _report(session: Session, arguments: Arguments, resource: Resource, obj: Object, what: str) -> None:
    name = named(resource, objects.name(obj))
    if arguments.get("output") == "name":
        session.print(name)
        return
    dry = {"server": " (server dry run)", "client": " (dry run)"}.get(arguments.get("dry-run"), "")
    session.print(f"{name} {what}{dry}")


def client_side(session: Session, arguments: Arguments, item: Written, *, annotate: bool = True) -> Steps:
    """Apply one object by three-way merge; returns the object and what was done.

    Without ``annotate`` what was applied is not noted on the object, as when kubectl diff only looks.
    """
    client, resource = session.client, item.resource
    name = item.object["metadata"].get("name", "")
    if not name:
        raise KubectlError(_nameless(item))
    note = {LAST_APPLIED: last_applied_text(item.object)} if annotate else {}
    modified = objects.with_annotations(item.object, note)
    options: dict[str, Any] = {
        "field_manager": arguments.get("field-manager", CLIENT_SIDE),
        "field_validation": validation(arguments),
        "dry_run": arguments.get("dry-run") == "server",
    }
    for attempt in range(_CONFLICT_RETRIES + 1):
        try:
            live = yield client.get(resource, item.namespace, name)
        except StatusError as error:
            if not error.is_not_found:
                raise
            if arguments.get("dry-run") == "client":
                return modified, "created"
            try:
                made = yield client.create(resource, modified, item.namespace, **options)
            except StatusError as refusal:
                if refusal.reason == "Invalid" or not annotate:
                    raise
                raise KubectlError(server_error(refusal, f'error when creating "{item.source}"')) from None
            return made, "created"
        original = _original(session, resource, live)
        patch = _patch(resource, original, modified, live)
        if arguments.get("dry-run") == "client":
            return live, "configured"
        if not patch:
            return live, "unchanged"
        kind = "strategic" if resource.strategic else "merge"
        try:
            new = yield client.patch(resource, item.namespace, name, patch, type=kind, **options)
        except StatusError as error:
            if error.is_conflict and attempt < _CONFLICT_RETRIES:
                if attempt > 0:
                    yield Sleep(session.engine, SECOND)
                continue
            if arguments.on("force") and error.reason in {"Invalid", "Conflict"}:
                new = yield from _replace_by_force(session, item, modified, options)
                return new, "configured"
            raise
        return new, "configured"
    raise AssertionError("the loop returns or raises")


def _nameless(item: Written) -> str:
    resource = item.resource
    group, version = resource.group, resource.version
    return (
        f'error: error when retrieving current configuration of:\nResource: "{group}/{version}, '
        f'Resource={resource.plural}", GroupVersionKind: "{group}/{version}, Kind={resource.kind}"\n'
        f'Name: "", Namespace: "{item.namespace}"\nfrom server for: "{item.source}": resource name may not be empty'
    )


def _original(session: Session, resource: Resource, live: Object) -> Object:
    text = objects.annotations(live).get(LAST_APPLIED)
    if text is None:
        session.warn(
            f"Warning: resource {resource.plural}/{objects.name(live)} is missing the {LAST_APPLIED} annotation which is "
            "required by kubectl apply. kubectl apply should only be used on resources created declaratively by either "
            "kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically."
        )
        return {}
    parsed: Object = json.loads(text)
    return parsed


def _patch(resource: Resource, original: Object, modified: Object, live: Object) -> Object:
    try:
        if resource.strategic:
            return three_way.strategic(original, modified, live, patch_schema(resource.gvk))
        return three_way.json_merge(
            original,
            modified,
            live,
            preconditions=[
                three_way.require_key_unchanged("apiVersion"),
                three_way.require_key_unchanged("kind"),
                three_way.require_metadata_key_unchanged("name"),
            ],
        )
    except PatchError as error:
        raise KubectlError(f"error: creating patch: {error}") from None


def _replace_by_force(session: Session, item: Written, modified: Object, options: dict[str, Any]) -> Steps:
    client, name = session.client, objects.name(item.object)
    yield client.delete(item.resource, item.namespace, name, propagation="Background")
    yield from wait_gone(session, Target(item.resource, item.namespace, name))
    return (yield client.create(item.resource, modified, item.namespace, **options))


def server_side(session: Session, arguments: Arguments, item: Written) -> Steps:
    """Apply one object by server-side apply; once more where client-side apply had owned fields."""
    check_named(item)
    manager = arguments.get("field-manager", SERVER_SIDE)
    dry_run = arguments.get("dry-run") == "server"

    def apply_it() -> Call:
        return session.client.patch(
            item.resource,
            item.namespace,
            objects.name(item.object),
            item.object,
            type="apply",
            field_manager=manager,
            force=arguments.on("force-conflicts"),
            field_validation=validation(arguments),
            dry_run=dry_run,
        )

    new = yield apply_it()
    if not dry_run and (yield from migrate(session, item, new, manager)):
        new = yield apply_it()
    return new, "serverside-applied"


def create(session: Session, arguments: Arguments) -> Steps:
    """``kubectl create -f`` and ``kubectl create KIND NAME``."""
    if not arguments.flags.get("filename"):
        yield from create_named(session, arguments)
        return None
    validation(arguments)
    failures: list[str] = []
    seen = False
    for item in reading(session, arguments):
        if isinstance(item, KubectlError):
            failures.append(str(item))
            continue
        seen = True
        if arguments.on("edit"):
            yield from create_edited(session, arguments, item)
            continue
        body = with_note(arguments, item.object)
        if arguments.get("dry-run") == "client":
            tell_done(session, arguments, item.resource, body, "created")
            continue
        try:
            made = yield session.client.create(
                item.resource,
                body,
                item.namespace,
                field_manager=arguments.get("field-manager", "kubectl-create"),
                field_validation=validation(arguments),
                dry_run=arguments.get("dry-run") == "server",
            )
        except StatusError as error:
            failures.append(server_error(error, f'error when creating "{item.source}"'))
            continue
        tell_done(session, arguments, item.resource, made, "created")
    if not seen and not failures:
        raise KubectlError("error: no objects passed to create")
    tell_all(session, failures)
    return None


def replace(session: Session, arguments: Arguments) -> Steps:
    """``kubectl replace -f``."""
    if not arguments.flags.get("filename"):
        raise KubectlError("error: must specify one of -f and -k")
    validation(arguments)
    for item in written(session, arguments):
        name = item.object["metadata"].get("name", "")
        if not name:
            session.error(f'error: error when replacing "{item.source}": resource name may not be empty')
            continue
        if arguments.on("force"):
            yield from _replace_anew(session, arguments, item)
            continue
        body = with_note(arguments, item.object)
        if arguments.get("dry-run") == "client":
            tell_done(session, arguments, item.resource, body, "replaced")
            continue
        subresource = arguments.get("subresource")
        try:
            if not objects.resource_version(body):
                body = yield from _at_live_version(session, item, body)
            new = yield session.client.update(
                item.resource,
                body,
                subresource=subresource,
                field_manager=arguments.get("field-manager", "kubectl-replace"),
                field_validation=validation(arguments),
                dry_run=arguments.get("dry-run") == "server",
            )
        except StatusError as error:
            session.error(server_error(error, f'error when replacing "{item.source}"'))
            continue
        tell_done(session, arguments, item.resource, new, "replaced")
    return None


def _at_live_version(session: Session, item: Written, body: Object) -> Steps:
    """The body with the version that is there now; as it is when nothing is (helper.go: Replace)."""
    try:
        live = yield session.client.get(item.resource, item.namespace, objects.name(body))
    except StatusError:
        return body
    return objects.with_metadata(body, resourceVersion=objects.resource_version(live))


def _replace_anew(session: Session, arguments: Arguments, item: Written) -> Steps:
    """``replace --force``: delete, wait, create."""
    target = Target(item.resource, item.namespace, objects.name(item.object))
    try:
        yield session.client.delete(target.resource, target.namespace, target.name, propagation="Background")
        session.print(f'{word(target.resource)} "{target.name}" deleted')
        yield from wait_gone(session, target)
    except StatusError as error:
        if not error.is_not_found:
            raise
    made = yield session.client.create(
        item.resource, item.object, item.namespace, field_manager="kubectl-replace", field_validation="Strict"
    )
    _report(session, arguments, item.resource, made, "replaced")


def delete(session: Session, arguments: Arguments) -> Steps:
    """``kubectl delete``."""
    if not arguments.words and not arguments.flags.get("filename"):
        chosen = arguments.on("all") or arguments.get("selector") or arguments.get("field-selector")
        where = "error: at least one resource must be specified to use a selector"
        raise KubectlError(where if chosen else _NOTHING_NAMED)
    if len(arguments.words) > 1 and (arguments.on("all") or arguments.get("selector")):
        raise KubectlError("error: name cannot be provided when a selector is specified")
    _check_delete(arguments)
    unread: list[KubectlError] = []
    targets = yield from choose(session, arguments, arguments.words, unread)
    if not targets and not unread:
        session.print("No resources found")
        return None
    failures = [str(error) for error in unread]
    doing = ""
    if arguments.flags.get("filename"):
        source = "STDIN" if arguments.get("filename") == "-" else arguments.get("filename")
        doing = f'error when deleting "{source}"'
    grace = arguments.integer("grace-period")
    force = arguments.on("force")
    if arguments.on("now"):
        grace = 1
    if force and grace is None:
        grace = 0
    if force and grace == 0:
        session.warn(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
            "The resource may continue to run on the cluster indefinitely."
        )
    policy = _propagation(session, arguments)
    deleted: list[Target] = []
    for target in targets:
        if not target.name:
            failures.append(f"error: {doing}: resource name may not be empty")
            continue
        try:
            yield session.client.delete(
                target.resource,
                target.namespace,
                target.name,
                grace=grace,
                propagation=policy,
                dry_run=arguments.get("dry-run") == "server",
            )
        except StatusError as error:
            if not (error.is_not_found and arguments.on("ignore-not-found")):
                failures.append(server_error(error, doing))
            continue
        deleted.append(target)
        if arguments.get("output") == "name":
            session.print(named(target.resource, target.name))
            continue
        how = "force deleted" if force and grace == 0 else "deleted"
        how += {"server": " (server dry run)", "client": " (dry run)"}.get(arguments.get("dry-run"), "")
        session.print(f'{word(target.resource)} "{target.name}" {how}')
    if arguments.on("wait", default=True) and not force and not arguments.get("dry-run"):
        limit = duration(arguments, "timeout", "0s", forever=0)
        end = session.engine.now + limit if limit else None
        for target in deleted:
            if not (yield from wait_gone(session, target, end)):
                what = f"{target.resource.plural}/{target.name}"
                failures.append(f"error: timed out waiting for the condition on {what}")
    tell_all(session, failures)
    return None


def _check_delete(arguments: Arguments) -> None:
    """What kubectl refuses before it asks the server (DeleteOptions.Validate)."""
    if arguments.get("output") not in {"", "name"}:
        form = arguments.get("output")
        raise KubectlError(f"error: unexpected -o output mode: {form}. We only support '-o name'")
    if arguments.on("all") and arguments.get("selector"):
        raise KubectlError("error: setting 'all' parameter but found a non empty selector. ")
    if arguments.on("force") and (arguments.integer("grace-period") or 0) > 0:
        raise KubectlError("error: --force and --grace-period greater than 0 cannot be specified together")


def _propagation(session: Session, arguments: Arguments) -> str:
    """What becomes of what the object owns (cmdutil.GetCascadingStrategy)."""
    text = arguments.get("cascade", "background")
    if text in {"true", "false"}:
        instead = "background" if text == "true" else "orphan"
        session.warn(
            f"warning: --cascade={text} is deprecated (boolean value) and can be replaced with --cascade={instead}."
        )
        text = instead
    if text not in {"background", "foreground", "orphan"}:
        raise KubectlError(
            f'error: invalid cascade value ({text}). Must be "background", "foreground", or "orphan"'
        )
    return text.capitalize()


def wait_gone(session: Session, target: Target, end: int | None = None) -> Steps:
    """Wait until the object no longer exists (or is another of the same name); False when ``end`` came before."""
    uid = ""
    while True:
        try:
            obj = yield session.client.get(target.resource, target.namespace, target.name)
        except StatusError as error:
            if error.is_not_found:
                return True
            raise
        uid = uid or objects.uid(obj)
        if objects.uid(obj) != uid:
            return True
        if end is not None and session.engine.now >= end:
            return False
        yield Sleep(session.engine, SECOND if end is None else min(SECOND, end - session.engine.now))
