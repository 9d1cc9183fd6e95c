"""kubectl edit: an object as a text, what an editor made of the text, and the difference as a patch.

**Imitates:** kubectl ``pkg/cmd/util/editor`` (v1.36): the text without managedFields, the patch from what was opened to
what was saved, its field manager, what is refused. Left out: several objects in one text (each is opened by itself),
``-o``, ``--subresource``, and opening the editor again after an error.

**Walk:** GET -> text -> the editor -> two-way patch -> PATCH as ``kubectl-edit``.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.patch import merge_patch
from kcsim.api.patch.strategic_diff import two_way
from kcsim.api.patch.values import PatchError
from kcsim.api.patching import patch_schema
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session, named
from kcsim.kubectl.targets import Target, choose, tell
from kcsim.manifests import ManifestError, documents, dump

_HEAD = """\
# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
"""
_UNCHANGED = "Edit cancelled, no changes made."
_NOT_MODELLED = ("output", "subresource", "filename", "save-config")


def edit(session: Session, arguments: Arguments) -> Steps:
    """``kubectl edit KIND/NAME``: with the editor that came with the command line."""
    for flag in _NOT_MODELLED:
        if flag in arguments.flags:
            raise KubectlError(f"error: kcsim does not model 'kubectl edit --{flag}'")
    for target in (yield from choose(session, arguments, arguments.words)):
        try:
            live = yield session.client.get(target.resource, target.namespace, target.name)
            if arguments.editor is None:
                raise KubectlError(
                    "error: kcsim has no editor to open: give one, or use 'kubectl patch', 'set' or 'apply'"
                )
            opened = {**live, "metadata": {k: v for k, v in live["metadata"].items() if k != "managedFields"}}
            saved = _saved(arguments.editor(_HEAD + dump(opened, folded=True)))
            if saved is None:
                session.warn("error: Edit cancelled, saved file was empty.")
                continue
            patch = _patch(target, opened, saved)
            if not patch:
                session.warn(_UNCHANGED)
                continue
            yield session.client.patch(
                target.resource,
                target.namespace,
                target.name,
                patch,
                type="strategic" if target.resource.strategic else "merge",
                field_manager="kubectl-edit",
            )
        except StatusError as error:
            tell(session, error)
            continue
        session.print(f"{named(target.resource, target.name)} edited")
    return None


def _saved(text: str) -> Object | None:
    try:
        found = documents(text, "edited")
    except ManifestError as error:
        raise KubectlError(f"error: the edited file had a syntax error: {error}") from None
    if not found or found[0].value is None:
        return None
    if not isinstance(found[0].value, dict):
        raise KubectlError("error: the edited file had a syntax error: it holds no object")
    return found[0].value


def _patch(target: Target, opened: Object, saved: Object) -> Object:
    identity = ("apiVersion", "kind", "metadata.name")
    if any(_at(opened, path) != _at(saved, path) for path in identity):
        raise KubectlError("error: At least one of apiVersion, kind and name was changed")
    try:
        if target.resource.strategic:
            return two_way(opened, saved, patch_schema(target.resource.gvk))
    except PatchError as error:
        raise KubectlError(f"error: {error}") from None
    return merge_patch.diff(opened, saved)


def _at(obj: Object, path: str) -> object:
    return objects.get_in(obj, tuple(path.split(".")))
