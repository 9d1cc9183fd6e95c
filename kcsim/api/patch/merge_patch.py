"""JSON merge patch (RFC 7396): apply one, and make the one that leads from a document to another.

Imitates: RFC 7396; CreateMergePatch of evanphx/json-patch v4, which kubectl and the controllers use.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.patch.values import json_equal


def apply(target: Any, patch: Any) -> Any:
    """The target with the patch merged in: objects merge, null deletes, all else replaces.

    Neither argument changes; the result shares the parts that did not change, and is the target itself when
    nothing did.
    """
    if not isinstance(patch, dict):
        return patch
    original: dict[str, Any] = target if isinstance(target, dict) else {}
    result = original
    for key, value in patch.items():
        if value is None:
            if key in result:
                result = {name: kept for name, kept in result.items() if name != key}
            continue
        before = original.get(key)
        after = apply(before, value)
        if after is before or (key in original and json_equal(before, after)):
            continue
        if result is original:
            result = dict(original)
        result[key] = after
    return result if isinstance(target, dict) or result is not original else {}


def diff(original: dict[str, Any], modified: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that turns one object into the other.

    A member that is null in `modified` and absent in `original` appears as null, which deletes nothing: a merge
    patch cannot set null.
    """
    patch: dict[str, Any] = {}
    for key, after in modified.items():
        if key not in original:
            patch[key] = after
            continue
        before = original[key]
        if before is after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            nested = diff(before, after)
            if nested:
                patch[key] = nested
        elif not json_equal(before, after):
            patch[key] = after
    for key in original:
        if key not in modified:
            patch[key] = None
    return patch
