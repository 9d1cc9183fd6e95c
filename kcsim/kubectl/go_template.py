"""-o go-template: an object through a template of Go.

**Imitates:** cli-runtime ``pkg/printers/template.go`` and ``pkg/util/templates`` (v1.36): Go's own functions, ``exists``
and ``base64decode``. Errors name the line; the column and the words of Go's that stand there are left out, and what Go
prints of the data for debugging.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from kcsim.api.gotemplate import Template, TemplateError
from kcsim.api.gotemplate_functions import GO_FUNCTIONS
from kcsim.api.objects import Object
from kcsim.kubectl.session import KubectlError


class _Strict(dict[str, Any]):
    """An object that minds being asked for what it does not have."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value; a key that is not there is an error."""
        del default
        if key not in self:
            raise LookupError(f'map has no entry for key "{key}"')
        return self[key]


def read_go_template(text: str) -> Template:
    """The template.

    Raises:
        KubectlError: it cannot be read.
    """
    try:
        return Template(text, _FUNCTIONS)
    except TemplateError as error:
        raise KubectlError(
            f"error: error parsing template {text}, template: output:{error.line}: {error.message}"
        ) from None


def go_template(text: str, obj: Object, *, strict: bool = False) -> str:
    """What the template makes of an object; with ``strict``, what an object does not have is an error."""
    template = read_go_template(text)
    try:
        return template.render(_strict(obj) if strict else obj)
    except TemplateError as error:
        why = f"template: output:{error.line}: {error.message}"
    except LookupError as error:
        why = f"template: output: {error.args[0]}"
    raise KubectlError(f"error: error executing template {json.dumps(text)}: {why}")


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return _Strict({key: _strict(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return [_strict(inner) for inner in value]
    return value


def _exists(item: Any, *keys: Any) -> bool:
    """Whether there is something at these keys, one below the other."""
    for key in keys:
        if (isinstance(item, Mapping) and key in item) or (
            isinstance(item, list) and isinstance(key, int) and 0 <= key < len(item)
        ):
            item = item[key]
        else:
            return False
    return True


def _base64decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("base64 decode failed: illegal base64 data") from None


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **GO_FUNCTIONS,
    "exists": _exists,
    "base64decode": _base64decode,
}
