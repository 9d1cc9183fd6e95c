"""kubectl edit: objects as a text, what an editor made of the text, and what follows from the difference.

**Imitates:** kubectl ``pkg/cmd/util/editor/editoptions.go`` (v1.36): several objects in one text, the text without
managedFields, opening it again with the reasons until it is valid or left as it was, ``edit``, ``create --edit`` and
``apply edit-last-applied``. Differs: no copy of a refused text is left on disk; what stood in the way is said instead.

**Walk:** objects -> one text -> the editor -> each object that the saved text holds -> PATCH (or POST) -> the reasons.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.apply.texts import compact_json
from kcsim.api.gotext import yaml_error
from kcsim.api.objects import Object
from kcsim.api.patch import merge_patch
from kcsim.api.patch.strategic_diff import two_way
from kcsim.api.patch.values import PatchError
from kcsim.api.patching import patch_schema
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.noting import with_note
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session, server_error
from kcsim.kubectl.targets import Written, choose, namespace_of, placed, tell_all, validation
from kcsim.manifests import ManifestError, documents, dump, read

_HEAD = """\
# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
"""
_SUBRESOURCES = ("status",)


@dataclass
class Results:
    """What became of the objects of one saved text."""

    reasons: list[str] = field(default_factory=list)
    """Lines that stand above the text when it is opened again."""
    lost: bool = False
    """Whether something failed that another look at the text does not mend."""


Act = Callable[[Session, Arguments, Object, Written, Results], Steps]
"""What is done with one object: as it was opened, and as it was saved. Raises KubectlError when that ends it all."""


def edit(session: Session, arguments: Arguments) -> Steps:
    """``kubectl edit KIND/NAME``: with the editor that came with the command line."""
    validation(arguments)
    subresource = arguments.get("subresource")
    if subresource and subresource not in _SUBRESOURCES:
        allowed = " ".join(_SUBRESOURCES)
        raise KubectlError(f'error: invalid subresource value: "{subresource}". Must be one of [{allowed}]')
    opened = yield from fetched(session, arguments, arguments.words, subresource)
    if opened is None:
        return None
    if not opened:
        raise KubectlError("error: edit cancelled, no objects found")
    yield from edit_together(session, arguments, opened, _patch, head=_HEAD)
    return None


def create_edited(session: Session, arguments: Arguments, item: Written) -> Steps:
    """``kubectl create -f --edit``: one object of a file, created as the editor leaves it."""
    yield from edit_together(session, arguments, [item], _create, head=_HEAD)


def fetched(session: Session, arguments: Arguments, words: list[str], subresource: str = "") -> Steps:
    """The objects that the command names as they are on the server (``Written``); None when one of them is not there."""
    opened, failures = [], []
    for target in (yield from choose(session, arguments, words, all_of_kind=True)):
        try:
            live = yield session.client.get(
                target.resource, target.namespace, target.name, subresource=subresource, managed_fields=True
            )
        except StatusError as error:
            failures.append(server_error(error))
            continue
        opened.append(Written(target.resource, target.namespace, live, ""))
    tell_all(session, failures)
    return None if failures else opened


def edit_together(
    session: Session, arguments: Arguments, opened: Sequence[Written], act: Act, *, head: str
) -> Steps:
    """Edit objects in one text, again and again until what is saved is valid or nothing was changed (``Run``).

    Raises:
        KubectlError: no editor; the editor was left without a valid text; what ``act`` raises.
    """
    if arguments.editor is None:
        raise KubectlError(
            "error: kcsim has no editor to open: give one (KUBE_EDITOR on the command line), or use 'kubectl patch', 'set' or 'apply'"
        )
    form = arguments.get("output")
    text = _text([_unmanaged(item.object) for item in opened], "json" if form == "json" else "yaml")
    managers = {objects.uid(item.object): item.object["metadata"].get("managedFields") for item in opened}
    checked = arguments.get("validate", "true") not in {"false", "ignore"}
    saved: str | None = None
    results = Results()
    while True:
        header = head + "".join(f"{line}\n" for line in results.reasons) if form != "json" else ""
        shown = header + (text if saved is None else _without_comments(saved))
        before, saved = saved, arguments.editor(_line_ends(arguments, shown))
        if before is not None and _content(before) == _content(saved):
            for line in results.reasons[:-1]:
                session.warn(line)
            raise KubectlError("error: Edit cancelled, no valid changes were saved.")
        results = Results()
        problem = _problem(saved) if checked else ""
        if problem:
            session.warn(f"error: {_plural(opened[0])} is invalid")
            told = f'Invalid value: "The edited file failed validation": {problem}'
            results.reasons = _reason(f"{_plural(opened[0])} was not valid", [f"<nil>: {told}"])
            continue
        if _content(text) == _content(saved):
            session.warn("Edit cancelled, no changes made.")
            return None
        if not _without_comments(saved).strip():
            session.warn("Edit cancelled, saved file was empty.")
            return None
        try:
            edited = [placed(session, arguments, m.object, "edited-file") for m in read(saved, "edited-file")]
        except (ManifestError, KubectlError) as error:
            why = yaml_error(error) if isinstance(error, ManifestError) else str(error)
            results.reasons = _reason(f"The edited file had a syntax error: {why.removeprefix('error: ')}")
            continue
        for item in edited:
            _check_namespace(session, arguments, item)
            uid = objects.uid(item.object)
            original = next((each.object for each in opened if objects.uid(each.object) == uid), None)
            if original is None:
                raise KubectlError(
                    f"error: no original object found for {item.resource.kind} with uid {uid!r}"
                )
            new = Written(item.resource, item.namespace, _managed(item.object, managers[uid]), item.source)
            yield from act(session, arguments, original, new, results)
        if results.lost:
            session.failed = True
            return None
        if not results.reasons:
            return None


def _patch(
    session: Session, arguments: Arguments, original: Object, item: Written, results: Results
) -> Steps:
    """Send what was changed in one object (``visitToPatch``)."""
    edited, resource = with_note(arguments, item.object), item.resource
    if edited == original:
        tell_done(session, arguments, resource, original, "skipped")
        return
    patch = _difference(resource.strategic, original, edited, item)
    if arguments.on("output-patch"):
        session.print(f"Patch: {compact_json(patch)}")
    try:
        new = yield session.client.patch(
            resource,
            item.namespace,
            objects.name(edited),
            patch,
            type="strategic" if resource.strategic else "merge",
            subresource=arguments.get("subresource"),
            field_manager=arguments.get("field-manager", "kubectl-edit"),
            field_validation=validation(arguments),
        )
    except StatusError as error:
        _note_refusal(session, error, item, results)
        return
    tell_done(session, arguments, resource, new, "edited")


def _difference(strategic: bool, original: Object, edited: Object, item: Written) -> Object:
    identity = (("apiVersion",), ("kind",), ("metadata", "name"))
    if any(objects.get_in(original, path) != objects.get_in(edited, path) for path in identity):
        raise KubectlError("error: At least one of apiVersion, kind and name was changed")
    if not strategic:
        return merge_patch.diff(original, edited)
    try:
        return two_way(original, edited, patch_schema(item.resource.gvk))
    except PatchError as error:
        raise KubectlError(f"error: {error}") from None


def _note_refusal(session: Session, error: StatusError, item: Written, results: Results) -> None:
    """Say which object was refused; only what is invalid is opened again (``editResults.addError``)."""
    shown = _plural(item)
    if error.reason == "Invalid":
        session.warn(f"error: {shown} is invalid")
        causes = (error.details or {}).get("causes") or []
        results.reasons += _reason(
            f"{shown} was not valid",
            [f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes],
        )
        return
    results.lost = True
    if error.is_not_found:
        session.warn(f"error: {shown} could not be found on the server")
    else:
        session.warn(f"error: {shown} could not be patched: {error.message}")


def _create(
    session: Session, arguments: Arguments, _original: Object, item: Written, _results: Results
) -> Steps:
    """Make one object as it was saved (``visitToCreate``)."""
    made = yield session.client.create(
        item.resource,
        with_note(arguments, item.object),
        item.namespace,
        field_manager=arguments.get("field-manager", "kubectl-create"),
        field_validation=validation(arguments),
    )
    tell_done(session, arguments, item.resource, made, "created")


def _check_namespace(session: Session, arguments: Arguments, item: Written) -> None:
    """Objects stay in the namespace that the command is typed in (``resource.RequireNamespace``)."""
    asked = namespace_of(session, arguments)
    if item.resource.namespaced and item.namespace != asked:
        raise KubectlError(
            f'error: the namespace from the provided object "{item.namespace}" does not match the namespace "{asked}". '
            f"You must pass '--namespace={item.namespace}' to perform this operation."
        )


# --- texts ------------------------------------------------------------------------------------------------------


def _text(opened: Sequence[Object], form: str) -> str:
    several = {"apiVersion": "v1", "items": list(opened), "kind": "List", "metadata": {}}
    whole = opened[0] if len(opened) == 1 else several
    if form == "json":
        return json.dumps(whole, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
    return dump(whole, folded=True)


def _unmanaged(obj: Object) -> Object:
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "managedFields"}}


def _managed(obj: Object, managers: Any) -> Object:
    """The object with its managers again, whatever somebody wrote there."""
    plain = _unmanaged(obj)
    return plain if managers is None else objects.with_metadata(plain, managedFields=managers)


def _line_ends(arguments: Arguments, text: str) -> str:
    return text.replace("\n", "\r\n") if arguments.on("windows-line-endings") else text


def _content(text: str) -> Any:
    """What a text says: its first document, and where it is no YAML its lines (``cmdutil.StripComments``)."""
    try:
        found = documents(text, "edited")
    except ManifestError:
        return _without_comments(text)
    return found[0].value if found else None


def _without_comments(text: str) -> str:
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.strip().startswith("#") or line.strip().startswith("#!")
    )


def _problem(text: str) -> str:
    """Why a text cannot be an object at all; "" when it can (``validation.ValidateBytes``)."""
    try:
        documents(text, "edited")
    except ManifestError as error:
        return yaml_error(error)
    value = _content(text)
    if not isinstance(value, dict):
        return "invalid object to validate"
    told = []
    for name in ("apiVersion", "kind"):
        if value.get(name) is None:
            told.append(f"{name} not set")
        elif not isinstance(value[name], str):
            told.append(f"{name} isn't string type")
    return told[0] if len(told) == 1 else f"[{', '.join(told)}]" if told else ""


def _plural(item: Written) -> str:
    resource = item.resource
    group = f".{resource.group}" if resource.group else ""
    return f'{resource.plural}{group} "{objects.name(item.object)}"'


def _reason(head: str, rest: Sequence[str] = ()) -> list[str]:
    """Why a text is opened again, as comments (``editHeader.writeTo``)."""
    lines = [f"# {head}:" if rest else f"# {head}", *(f"# * {line}" for line in rest), "#"]
    return [line.replace("\n", "\n# ") for line in lines]
