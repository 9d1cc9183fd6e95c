"""Filling templates with parameters.  Pure.

**Imitates:** argo-cd applicationset/utils/utils.go (`Replace`, `deeplyReplace`, `RenderGeneratorParams`) over text/template and
valyala/fasttemplate.

**Walk:** a value of any shape -> every text and key in it -> a Go template, or `{{name}}` by name -> the value filled in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kcsim.api.gotemplate import Template, TemplateError
from kcsim.delivery.gitops.argocd.appset.functions import FUNCTIONS

Params = dict[str, Any]

_TEMPLATED = re.compile(r"\{\{.*\}\}")
_OPTIONS = frozenset({"missingkey=default", "missingkey=invalid", "missingkey=zero", "missingkey=error"})


class RenderError(ValueError):
    """A template that cannot be read or filled in; the text is upstream's."""


class MissingKeyError(RenderError):
    """A template that asks for a parameter that there is not, under missingkey=error."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """How an ApplicationSet fills its templates: `goTemplate` and `goTemplateOptions` of its spec."""

    go_template: bool = False
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Renderer:
        """The renderer that a spec asks for."""
        return cls(bool(spec.get("goTemplate")), tuple(spec.get("goTemplateOptions") or ()))

    def text(self, template: str, params: Mapping[str, Any]) -> str:
        """A template filled in.

        Raises: RenderError.
        """
        if not self.go_template:
            return _by_name(template, params)
        if "{{" not in template:
            return template
        unknown = [option for option in self.options if option not in _OPTIONS]
        if unknown:
            raise RenderError(f"unrecognized option: {unknown[0]}")
        strict = next((o for o in reversed(self.options)), "") == "missingkey=error"
        try:
            read = _read(template)
        except TemplateError as error:
            where = f"template: base:{error.line}: {error.message}"
            raise RenderError(f"failed to parse template {template}: {where}") from None
        try:
            return read.render(_strict(params) if strict else params)
        except _Missing as error:
            where = f'template: base: executing "base" at <.{error.key}>'
            text = f'{where}: map has no entry for key "{error.key}"'
            raise MissingKeyError(f"failed to execute go template {template}: {text}") from None
        except TemplateError as error:
            where = f'template: base:{error.line}: executing "base": {error.message}'
            kind = MissingKeyError if "can't evaluate field" in error.message else RenderError
            raise kind(f"failed to execute go template {template}: {where}") from None

    def deep(self, value: Any, params: Mapping[str, Any]) -> Any:
        """A value with every text in it filled in, keys of maps too.

        Raises: RenderError.
        """
        return _deep(value, lambda text: self.text(text, params))

    def generator(self, spec: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """A generator filled in with the parameters of another one.

        Its `values` are filled in where that can be done already; they are again once it has parameters of its own.
        Raises: RenderError.
        """
        if not params:
            return dict(spec)
        eager = Renderer(self.go_template, (*self.options, "missingkey=error"))
        made: dict[str, Any] = {}
        for kind, part in spec.items():
            if not isinstance(part, Mapping) or "values" not in part:
                made[kind] = self._filled(part, params)
                continue
            rest = self._filled({k: v for k, v in part.items() if k != "values"}, params)
            made[kind] = {
                **rest,
                "values": {k: eager._or_itself(v, params) for k, v in (part["values"] or {}).items()},
            }
        return made

    def _filled(self, value: Any, params: Mapping[str, Any]) -> Any:
        try:
            return self.deep(value, params)
        except RenderError as error:
            raise RenderError(f"failed to replace parameters in generator: {error}") from None

    def _or_itself(self, text: str, params: Mapping[str, Any]) -> str:
        try:
            return self.text(text, params)
        except MissingKeyError:
            return text


class _Missing(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class _Strict(dict[str, Any]):
    """Parameters of which a missing one is an error where a field asks for it."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002 - there is no default
        if key not in self:
            raise _Missing(key)
        return self[key]


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Strict({key: _strict(item) for key, item in value.items()})
    return [_strict(item) for item in value] if isinstance(value, list) else value


@lru_cache(maxsize=2048)
def _read(template: str) -> Template:
    return Template(template, FUNCTIONS)


def _deep(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, Mapping):
        return {fill(str(key)): _deep(item, fill) for key, item in value.items() if item is not None}
    return [_deep(item, fill) for item in value] if isinstance(value, Sequence) else value


def _by_name(template: str, params: Mapping[str, Any]) -> str:
    if not _TEMPLATED.search(template):
        return template
    made, at = "", 0
    while (start := template.find("{{", at)) >= 0:
        end = template.find("}}", start + 2)
        if end < 0:
            rest = template[start + 2 :]
            text = f'Cannot find end tag="}}}}" in the template={template!r} starting from {rest!r}'
            raise RenderError(f"invalid template: {text}")
        tag = template[start + 2 : end]
        value = params.get(tag.strip())
        # A name that is no parameter stays as it was written.
        known = tag.strip() and isinstance(value, str)
        made += template[at:start] + (str(value) if known else template[start : end + 2])
        at = end + 2
    return made + template[at:]
