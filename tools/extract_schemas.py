"""Extract the OpenAPI definitions kcsim ships from an installed `kubernetes-validate`.

Run by a maintainer when a Kubernetes release is added; neither installation nor kcsim itself needs it:

    python -m pip install kubernetes-validate
    python tools/extract_schemas.py 1.36

It writes `kcsim/api/schemas/data/<release>.defs`: one definition a line, `<name> <kinds> <compact JSON>`, sorted by
name, so that loading needs no parsing before a definition is asked for, and a new release reads as a text diff.
`<kinds>` are the group/version/Kind it describes, joined by commas, or `-`.

Kept: what is reachable from the kinds of `kcsim.api.built_in` and a few bodies of sub-resources; in each definition the
structure and the `x-kubernetes-*` extensions. Dropped: descriptions, list kinds, and what kubernetes-validate adds to the
published OpenAPI (null unions, the enums on apiVersion and kind, `oneOf` for quantities and int-or-strings), so that
the result is OpenAPI v2 again.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kcsim.api.built_in import BUILT_IN  # noqa: E402 (needs the path above: kcsim may not be installed)

DATA = ROOT / "kcsim" / "api" / "schemas" / "data"

# Bodies that are no resources of their own but are read, written or answered at some path.
EXTRA_KINDS = {
    ("autoscaling", "v1", "Scale"),
    ("policy", "v1", "Eviction"),
    ("authentication.k8s.io", "v1", "TokenRequest"),
    ("", "v1", "DeleteOptions"),
    ("", "v1", "Status"),
}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
REWRITTEN: Mapping[str, dict[str, Any]] = {
    QUANTITY: {"type": "string", "format": "quantity"},
    INT_OR_STRING: {"x-kubernetes-int-or-string": True},
}
# Defaults of list-map keys, which apply needs to find an item; kubernetes-validate leaves all defaults out.
KEY_DEFAULTS = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
}
KEPT = ("$ref", "type", "format", "items", "additionalProperties", "properties", "required")


def source_file(release: str) -> Path:
    """Where the installed kubernetes-validate keeps the definitions of a release."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise SystemExit("kubernetes-validate is not installed")
    folder = Path(spec.origin).parent / "kubernetes-json-schema" / f"v{release}.0-local"
    if not folder.is_dir():
        raise SystemExit(f"kubernetes-validate has no schemas of release {release}")
    return folder / "_definitions.json"


def compact(schema: Mapping[str, Any]) -> dict[str, Any]:
    """One definition or property as OpenAPI v2 has it, without its description."""
    out: dict[str, Any] = {}
    for key in sorted(schema):
        value = schema[key]
        if key == "$ref":
            out[key] = value.replace("#/$defs/", "#/definitions/")
        elif key == "properties":
            out[key] = {name: compact(value[name]) for name in sorted(value)}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            out[key] = compact(value)
        elif key == "type" and isinstance(value, list):
            (out[key],) = (one for one in value if one != "null")
        elif key in KEPT or key.startswith("x-kubernetes-"):
            out[key] = value
    return out


def references(schema: Any) -> Iterable[str]:
    """Names of the definitions a schema points to."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):  # JSONSchemaProps has a property of that name
                yield value.rsplit("/", 1)[1]
            else:
                yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def kinds_of(schema: Mapping[str, Any]) -> list[str]:
    """The wanted kinds a definition describes, as group/version/Kind."""
    wanted = {resource.gvk for resource in BUILT_IN} | EXTRA_KINDS
    listed = [
        (gvk["group"], gvk["version"], gvk["kind"])
        for gvk in schema.get("x-kubernetes-group-version-kind", ())
    ]
    return ["/".join(gvk) for gvk in sorted(listed) if gvk in wanted]


def select(definitions: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The definitions reachable from the wanted kinds."""
    queue = [name for name, schema in definitions.items() if kinds_of(schema)]
    chosen: dict[str, dict[str, Any]] = {}
    while queue:
        name = queue.pop()
        if name not in chosen:
            chosen[name] = REWRITTEN.get(name) or compact(definitions[name])
            queue.extend(references(chosen[name]))
    for (name, field), default in KEY_DEFAULTS.items():
        chosen[name]["properties"][field]["default"] = default
    return chosen


def main() -> None:
    """Write the definitions of one release."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("release", help="Kubernetes release, such as 1.36")
    release = parser.parse_args().release
    loaded = json.loads(source_file(release).read_text(encoding="utf-8"))
    chosen = select(loaded["$defs"])
    DATA.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{name} {','.join(kinds_of(chosen[name])) or '-'} {json.dumps(chosen[name], separators=(',', ':'))}\n"
        for name in sorted(chosen)
    ]
    target = DATA / f"{release}.defs"
    target.write_text("".join(lines), encoding="utf-8")
    print(f"{target.relative_to(ROOT)}: {len(lines)} definitions, {target.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
