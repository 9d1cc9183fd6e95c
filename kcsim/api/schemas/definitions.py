"""The OpenAPI definitions of the built-in kinds, read when first asked for.

**Imitates:** the definitions of `/openapi/v2` of kube-apiserver 1.36, without descriptions and list kinds. Where they
come from and why they are shipped as they are: docs/decisions/0003-schemas.md.

**Walk:** the file of a release is one read and one split into lines; a line is parsed when its definition is used, so
that a world of Deployments and Services never pays for the other five hundred.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from kcsim.api.resources import GVK
from kcsim.api.schemas.schema import Schema

RELEASE: Final = "1.36"
"""The release whose definitions are shipped."""

OBJECT_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class Definitions(Mapping[str, dict[str, Any]]):
    """Raw OpenAPI v2 definitions by name, such as `io.k8s.api.apps.v1.Deployment`. Do not change what it returns."""

    __slots__ = ("_lines", "_parsed", "names_by_kind")

    def __init__(self, text: str) -> None:
        self._lines: dict[str, str] = {}
        self._parsed: dict[str, dict[str, Any]] = {}
        self.names_by_kind: dict[GVK, str] = {}
        """Definition name of each kind, by (group, version, kind)."""
        for line in text.splitlines():
            name, kinds, body = line.split(" ", 2)
            self._lines[name] = body
            if kinds != "-":
                for kind in kinds.split(","):
                    group, version, short = kind.split("/")
                    self.names_by_kind[group, version, short] = name

    def __getitem__(self, name: str) -> dict[str, Any]:
        found = self._parsed.get(name)
        if found is None:
            found = self._parsed[name] = json.loads(self._lines[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


@cache
def definitions(release: str = RELEASE) -> Definitions:
    """The raw definitions of a release.

    Raises:
        FileNotFoundError: the release is not shipped.
    """
    data = resources.files("kcsim.api.schemas") / "data" / f"{release}.defs"
    return Definitions(data.read_text(encoding="utf-8"))


def definition_name(gvk: GVK) -> str | None:
    """Name of the definition of a built-in kind, None for other kinds."""
    return definitions().names_by_kind.get(gvk)


@cache
def _node(name: str) -> Schema:
    return Schema({"$ref": f"#/definitions/{name}"}, definitions(), _node)


def definition(kind: GVK | str) -> Schema | None:
    """The compiled schema of a built-in kind, or of a definition by its name; None when there is no such.

    Source: nodes are shared and resolved lazily, so recursive definitions cost nothing until walked.
    """
    name = kind if isinstance(kind, str) else definition_name(kind)
    return _node(name) if name is not None and name in definitions() else None


def compile_crd_schema(open_api_v3_schema: Mapping[str, Any] | None) -> Schema:
    """A custom resource's schema from `spec.versions[].schema.openAPIV3Schema`; None keeps every field.

    apiVersion, kind and metadata are implied at the root and below `x-kubernetes-embedded-resource`, as upstream.
    What is given is not to be changed afterwards, as nothing stored ever is: it is known again by its identity.
    """
    given = open_api_v3_schema or _ANYTHING
    known = _compiled.get(id(given))
    if known is None or known[0] is not given:
        if len(_compiled) >= _BOUND:
            _compiled.clear()
        raw = {**given, "x-kubernetes-embedded-resource": True}
        known = _compiled[id(given)] = (given, Schema(raw, definitions(), _node))
    return known[1]


def crd_has_rules(crd: Mapping[str, Any]) -> bool:
    """Whether a CustomResourceDefinition has CEL rules."""
    schemas = [
        (version.get("schema") or {}).get("openAPIV3Schema")
        for version in (crd.get("spec") or {}).get("versions") or ()
    ]
    return any(compile_crd_schema(schema).has_rules for schema in schemas if schema)


_ANYTHING: Mapping[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_BOUND = 256
_compiled: dict[int, tuple[Mapping[str, Any], Schema]] = {}
"""By identity of what was written, held so that it stays its own: twin worlds define the same kinds."""
