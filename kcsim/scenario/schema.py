"""JSON Schema (2020-12) of scenario files, generated from the model: editors complete and check with it."""

from typing import Any

from kcsim.scenario.dump import to_data
from kcsim.scenario.model import Part, Scenario
from kcsim.scenario.shapes import (
    Choice,
    Either,
    Field,
    Items,
    Named,
    Plain,
    Record,
    Shape,
    Written,
    record_of,
)

SCHEMA_ID = "kcsim-v1-scenario.schema.json"


def json_schema() -> dict[str, Any]:
    """The schema document; `$defs` holds one entry for each class of the model."""
    definitions: dict[str, Any] = {}
    root = _record(record_of(Scenario), definitions)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "kcsim scenario",
    }
    return {**head, **root, "$defs": dict(sorted(definitions.items()))}


def _record(record: Record, definitions: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "description": record.doc,
        "additionalProperties": False,
        "properties": {field.key: _field(field, definitions) for field in record.fields},
    }
    required = [field.key for field in record.fields if _is_required(field)]
    if required:
        schema["required"] = required
    return schema


def _is_required(field: Field) -> bool:
    return field.required or field.key in {"apiVersion", "kind", "type"}


def _field(field: Field, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = {**_shape(field.shape, definitions), "description": field.doc}
    default = _default(field)
    if default is not None:
        schema["default"] = default
    return schema


def _default(field: Field) -> Any:
    """The default as the file would write it; None where it is empty and so says nothing."""
    value = field.default
    if value is None or value in ("", (), {}):
        return None
    if isinstance(value, Part):
        return to_data(value)
    return field.shape.form.write(value) if isinstance(field.shape, Written) else value


def _shape(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    match shape:
        case Record():
            name = shape.type.__name__
            if name not in definitions:
                definitions[name] = {}  # a place holder, should a class ever hold itself
                definitions[name] = _record(shape, definitions)
            return {"$ref": f"#/$defs/{name}"}
        case Items():
            return {"type": "array", "items": _shape(shape.item, definitions)}
        case Named():
            return {"type": "object", "additionalProperties": _shape(shape.item, definitions)}
        case Either():
            return {"anyOf": [_shape(option, definitions) for option in shape.options]}
        case Written():
            return dict(shape.form.schema)
        case Choice():
            return {"const": shape.words[0]} if len(shape.words) == 1 else {"enum": list(shape.words)}
        case Plain():
            return {"type": {str: "string", bool: "boolean"}[shape.type]}
