"""kubectl apply view-, set- and edit-last-applied: the annotation that client-side apply compares with.

**Imitates:** kubectl ``pkg/cmd/apply/apply_{view,set,edit}_last_applied.go`` and the ApplyEditMode of
``pkg/cmd/util/editor`` (v1.36).
"""

from __future__ import annotations

import json

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.task import Steps
from kcsim.kubectl.creators.common import usage
from kcsim.kubectl.edit import Results, edit_together, fetched
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.migration import CLIENT_SIDE, LAST_APPLIED
from kcsim.kubectl.noting import last_applied_text
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Written, check_named, choose, namespace_of, placed, validation, written
from kcsim.manifests import dump

_HEAD = """\
# Please edit the 'last-applied-configuration' annotations below.
# Lines beginning with a '#' will be ignored, and an empty file will abort the edit.
#
"""


def last_applied(session: Session, arguments: Arguments) -> Steps:
    """The words after ``kubectl apply``: one of its commands.

    Raises:
        KubectlError: no command of apply.
    """
    name, *rest = arguments.words
    commands = {"view-last-applied": _view, "set-last-applied": _set, "edit-last-applied": _edit}
    if name not in commands:
        raise usage("apply", f"Unexpected args: [{' '.join(arguments.words)}]")
    return (yield from commands[name](session, arguments, rest))


def _view(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    form = arguments.get("output", "yaml")
    source = "STDIN" if arguments.get("filename") == "-" else arguments.get("filename")
    texts = []
    for target in (yield from choose(session, arguments, words, all_of_kind=True)):
        live = yield session.client.get(target.resource, target.namespace, target.name)
        text = objects.annotations(live).get(LAST_APPLIED)
        if text is not None:
            texts.append(text)
        elif source:  # of objects named otherwise upstream has no error to print, and goes on
            missing = f"no last-applied-configuration annotation found on resource: {target.name}\n"
            raise KubectlError(f'error: error when {missing} "{source}": <nil>')
    if form not in {"yaml", "json"} and texts:
        raise usage(
            "apply view-last-applied",
            f"Unexpected -o output mode: {form}, the flag 'output' must be one of yaml|json",
        )
    for text in texts:
        value = json.loads(text)
        shown = f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"
        session.write(shown if form == "json" else dump(value, folded=True))
    return None


def _set(session: Session, arguments: Arguments, _words: list[str]) -> Steps:
    """Note files as what was applied last, and change nothing else: all are looked at before any is written."""
    if not arguments.flags.get("filename"):
        raise KubectlError("error: must specify one of -f and -k")
    noted: list[tuple[Written, Object, str]] = []
    for item in written(session, arguments, schema=False):
        check_named(item)
        name = objects.name(item.object)
        live = yield session.client.get(item.resource, item.namespace, name)
        text = last_applied_text(item.object, empty=False)
        before = objects.annotations(live).get(LAST_APPLIED)
        if before is None and not arguments.on("create-annotation"):
            raise KubectlError(
                f"error: no last-applied-configuration annotation found on resource: {name}, to create the annotation, "
                "run the command with --create-annotation"
            )
        if before == text:
            session.print(f"set-last-applied {name}: no changes required.")
        else:
            noted.append((item, live, text))
    for item, live, text in noted:
        new = live
        if arguments.get("dry-run") != "client":
            new = yield session.client.patch(
                item.resource,
                item.namespace,
                objects.name(item.object),
                {"metadata": {"annotations": {LAST_APPLIED: text}}},
                field_manager="kubectl",
                dry_run=arguments.get("dry-run") == "server",
            )
        tell_done(session, arguments, item.resource, new, "configured")
    return None


def _edit(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    """Edit what the annotations say; objects without one are left out."""
    validation(arguments)
    live = yield from fetched(session, arguments, words)
    if live is None:
        return None
    texts = [objects.annotations(item.object).get(LAST_APPLIED) for item in live]
    opened = [
        placed(session, arguments, json.loads(text), "edited-file", fill=False) for text in texts if text
    ]
    if not opened:
        raise KubectlError(
            "error: no last-applied-configuration annotation found on resources, to create the annotation, use command "
            "`kubectl apply set-last-applied --create-annotation`"
        )
    yield from edit_together(session, arguments, opened, _note, head=_HEAD)
    return None


def _note(
    session: Session, arguments: Arguments, original: Object, item: Written, _results: Results
) -> Steps:
    """Write what was saved into the annotation; the first refusal ends it (``visitToApplyEditPatch``)."""
    if item.object == original:
        tell_done(session, arguments, item.resource, item.object, "skipped")
        return
    yield session.client.patch(
        item.resource,
        namespace_of(session, arguments) if item.resource.namespaced else "",
        objects.name(item.object),
        {"metadata": {"annotations": {LAST_APPLIED: last_applied_text(item.object, empty=False)}}},
        field_manager=arguments.get("field-manager", CLIENT_SIDE),
        field_validation=validation(arguments),
    )
    tell_done(session, arguments, item.resource, item.object, "edited")
