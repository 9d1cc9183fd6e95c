"""How Go prints values: the %v, %q and %T that upstream messages are made of.

Imitates: Go's fmt verbs on decoded JSON (map[string]interface{}, []interface{}, string, int64, float64, bool, nil)
and strconv.Quote. Left out: every other Go type, width and precision.
"""

from __future__ import annotations

from typing import Any

from kcsim.manifests import ManifestError

_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def go_value(value: Any) -> str:
    """The text of a JSON value under %v: `map[a:1 b:[x y] c:<nil>]`, keys sorted."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_value(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(go_value(item) for item in value) + "]"
    if isinstance(value, float):
        return _go_float(value)
    return str(value)


def _go_float(value: float) -> str:
    """A float64 under %v: shortest digits, exponent form below 1e-4 and from 1e21."""
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if mark:
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:]:0>2}"
    return text


def go_syntax(value: Any) -> str:
    """A JSON value under %#v, as decoding into an interface gives it."""
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, dict):
        members = ", ".join(f"{go_quote(key)}:{go_syntax(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{members}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(go_syntax(item) for item in value)}}}"
    return go_quote(value) if isinstance(value, str) else go_value(value)


def go_quote(text: str) -> str:
    """The text under %q: double quotes, Go's escapes, printable Unicode as it is."""
    return '"' + "".join(_quoted_character(character) for character in text) + '"'


def _quoted_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def go_type(value: Any) -> str:
    """The name of the Go type that decoding this JSON value gives."""
    if value is None:
        return "%!s(<nil>)"
    if isinstance(value, bool):
        return "bool"
    names: dict[type, str] = {
        dict: "map[string]interface {}",
        list: "[]interface {}",
        str: "string",
        int: "int64",
    }
    return names.get(type(value), "float64")


def json_word(value: Any) -> str:
    """What encoding/json calls a value of this kind when it does not fit."""
    return {list: "array", dict: "object", str: "string", bool: "bool"}.get(type(value), "number")


def yaml_error(error: ManifestError) -> str:
    """What go-yaml says of a document: its parser counts lines from nought, its scanner from one, but for the first."""
    words = error.message.removeprefix("yaml: ")
    if words.startswith("did not find expected"):
        return f"yaml: line {max(error.line - 1, 1)}: {words}"
    return f"yaml: line {error.line}: {words}" if error.line > 1 else f"yaml: {words}"
