"""Errors about fields, in upstream's words.

**Imitates:** apimachinery pkg/util/validation/field/errors.go (v1.36): types, texts, cause reasons.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

ErrorType = Literal[
    "Required",
    "Invalid",
    "TypeInvalid",
    "NotSupported",
    "Forbidden",
    "Duplicate",
    "NotFound",
    "TooLong",
    "TooMany",
]

_TEXT: Final = {
    "Required": "Required value",
    "Invalid": "Invalid value",
    "TypeInvalid": "Invalid value",
    "NotSupported": "Unsupported value",
    "Forbidden": "Forbidden",
    "Duplicate": "Duplicate value",
    "NotFound": "Not found",
    "TooLong": "Too long",
    "TooMany": "Too many",
}
_WITHOUT_VALUE: Final = frozenset({"Required", "Forbidden", "TooLong", "TooMany"})
OMIT: Final = object()
"""A value that is not shown (field.OmitValueType)."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field; `str` gives `field: Type: detail`."""

    type: ErrorType
    field: str
    value: Any
    detail: str

    @property
    def cause_reason(self) -> str:
        """As in `status.details.causes[].reason`."""
        return f"FieldValue{self.type}"

    @property
    def cause_message(self) -> str:
        """The text without the field."""
        text = _TEXT[self.type]
        if self.type not in _WITHOUT_VALUE and self.value is not OMIT:
            text += f": {as_json(self.value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.cause_message}"


Errors = list[FieldError]


def as_json(value: Any) -> str:
    """A value as messages show it: compact JSON, with the keys of string maps sorted as Go sorts them."""
    return json.dumps(_sorted_maps(value), separators=(",", ":"), ensure_ascii=False)


class Struct(dict[str, Any]):
    """Fields of a Go struct, shown in the order in which they stand."""


def _sorted_maps(value: Any) -> Any:
    if isinstance(value, Struct):
        return {key: _sorted_maps(item) for key, item in value.items()}
    if isinstance(value, dict):
        is_map = all(isinstance(item, str) for item in value.values())
        return {key: _sorted_maps(value[key]) for key in (sorted(value) if is_map else value)}
    return [_sorted_maps(item) for item in value] if isinstance(value, list) else value


def required(field: str, detail: str = "") -> FieldError:
    """A field that must be there."""
    return FieldError("Required", field, "", detail)


def invalid(field: str, value: Any, detail: str) -> FieldError:
    """A value that is malformed or out of range."""
    return FieldError("Invalid", field, value, detail)


def each_invalid(field: str, value: Any, details: Iterable[str]) -> Errors:
    """One Invalid error for each thing wrong with a value."""
    return [invalid(field, value, detail) for detail in details]


def not_supported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    """A value that is none of the known ones; give them in the order upstream lists them."""
    listed = ", ".join(f'"{one}"' for one in supported)
    return FieldError("NotSupported", field, value, f"supported values: {listed}")


def one_of(field: str, value: Any, supported: tuple[str, ...]) -> Errors:
    """NotSupported unless the value is one of the supported ones."""
    return [] if value in supported else [not_supported(field, value, supported)]


def forbidden(field: str, detail: str) -> FieldError:
    """A field that may not be set, or not changed, here."""
    return FieldError("Forbidden", field, "", detail)


def duplicate(field: str, value: Any, detail: str = "") -> FieldError:
    """A value that must be unique and is not."""
    return FieldError("Duplicate", field, value, detail)


def not_found(field: str, value: Any) -> FieldError:
    """A name of something that is not there."""
    return FieldError("NotFound", field, value, "")


def too_long(field: str, limit: int) -> FieldError:
    """A value of more bytes than allowed."""
    return FieldError("TooLong", field, "", f"may not be more than {limit} bytes")
