"""Texts that decode themselves: quantities, times, base64. Gives the API server's words for what is wrong.

**Imitates:** apimachinery `resource.Quantity.UnmarshalJSON`, Go's `time.Parse` with RFC3339 and `encoding/base64`.
Left out: days beyond the length of a month.
"""

import re
from typing import Any, Final

QUANTITY_FORM: Final = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_QUANTITY: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(m|k|Ki|Mi|Gi|Ti|Pi|Ei|n|u|M|G|T|P|E|[eE][-+]?\d+)?\Z")
_QUANTITY_SHAPE: Final = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)\Z")
_TIME: Final = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)?(Z|[+-]\d\d:\d\d)\Z"
)
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
_BASE64_RUN: Final = re.compile(r"[A-Za-z0-9+/]*")
_LAYOUT: Final = "2006-01-02T15:04:05Z07:00"
_LAYOUT_PARTS: Final = (
    ("2006", r"\d{4}"),
    ("-", "-"),
    ("01", r"0[1-9]|1[0-2]"),
    ("-", "-"),
    ("02", r"0[1-9]|[12]\d|3[01]"),
    ("T", "T"),
    ("15", r"[01]\d|2[0-3]"),
    (":", ":"),
    ("04", r"[0-5]\d"),
    (":", ":"),
    ("05", r"[0-5]\d(?:[.,]\d+)?"),
    ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)


def format_error(value: Any, format: str) -> str:
    """What is wrong with a value of a format ("quantity", "date-time", "byte"), "" when nothing is."""
    if format == "quantity":
        return _quantity_error(value)
    if format == "date-time":
        return _time_error(value) if not _TIME.match(value) else ""
    return _base64_error(value) if not _BASE64.match(value) else ""


def _quantity_error(value: Any) -> str:
    if not isinstance(value, str) or _QUANTITY.match(value):
        return ""
    if not value or _QUANTITY_SHAPE.match(value) is None:
        return f"quantities must match the regular expression '{QUANTITY_FORM}'"
    return "unable to parse quantity's suffix"


def _time_error(value: str) -> str:
    rest = value
    for part, form in _LAYOUT_PARTS:
        match = re.match(form, rest)
        if match is None:
            return f'parsing time "{value}" as "{_LAYOUT}": cannot parse "{rest}" as "{part}"'
        rest = rest[match.end() :]
    return f'parsing time "{value}": extra text: "{rest}"'


def _base64_error(value: str) -> str:
    # Go ignores line breaks, and reports the byte it could not use, counted in the original text.
    stripped = value.replace("\n", "").replace("\r", "")
    if _BASE64.match(stripped):
        return ""
    run = _BASE64_RUN.match(stripped)
    end = run.end() if run else 0
    if end == len(stripped):  # cut short: the group that lacks its end is what is illegal
        end = len(stripped) - len(stripped) % 4
    return f"illegal base64 data at input byte {end}"
