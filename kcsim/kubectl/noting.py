"""The annotation in which kubectl notes what an object was applied from.

**Imitates:** kubectl ``pkg/util/apply.go`` and ``GetApplyPatch`` of ``pkg/cmd/util/editor`` (v1.36).
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.apply.texts import compact_json
from kcsim.api.objects import Object
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.migration import LAST_APPLIED


def last_applied_text(obj: Object, *, empty: bool = True) -> str:
    """The annotation kubectl apply writes: the file's content as compact JSON with a line end.

    ``empty``: annotations are written also when there are none, as apply does.
    """
    annotations = {k: v for k, v in objects.annotations(obj).items() if k != LAST_APPLIED}
    metadata = {key: value for key, value in obj["metadata"].items() if key != "annotations"}
    if annotations or empty:
        metadata["annotations"] = annotations
    plain = {**obj, "metadata": metadata}
    return f"{compact_json(plain)}\n"


def with_note(arguments: Arguments, obj: Object) -> Object:
    """The object, with --save-config noted as what was applied last."""
    if not arguments.on("save-config"):
        return obj
    return objects.with_annotations(obj, {LAST_APPLIED: last_applied_text(obj)})
