"""Variables in built manifests: ``${name}`` and its forms.  Pure.

**Imitates:** fluxcd/pkg envsubst (a fork of drone/envsubst) and kustomize/kustomize_varsub.go with the strict mode that is
the default since kustomize-controller 1.9: a variable that nobody defined and that has no default is an error.

**Walk:** text -> each ``$`` -> ``$${`` is an escape, ``${...}`` an expression -> its value -> the text around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[_A-Za-z][_A-Za-z0-9]*")


class SubstitutionError(ValueError):
    """An expression that has no value."""


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """The text with every expression replaced.

    Raises:
        SubstitutionError: an undefined variable without a default, or an expression that cannot be read.
    """
    out: list[str] = []
    at = 0
    while (found := text.find("$", at)) >= 0:
        out.append(text[at:found])
        if text.startswith("$${", found):
            end = _end(text, found + 3)
            out.append(text[found + 1 : end + 1])
            at = end + 1
        elif text.startswith("${", found):
            end = _end(text, found + 2)
            out.append(_value(text[found + 2 : end], variables))
            at = end + 1
        else:
            out.append("$")
            at = found + 1
    out.append(text[at:])
    return "".join(out)


def _end(text: str, start: int) -> int:
    depth = 1
    for i in range(start, len(text)):
        if text.startswith("${", i):
            depth += 1
        elif text[i] == "}":
            depth -= 1
            if not depth:
                return i
    raise SubstitutionError("variable substitution failed: missing closing brace")


def _value(expression: str, variables: Mapping[str, str]) -> str:
    if expression.startswith("#") and _NAME.fullmatch(expression[1:]):
        return str(len(_known(expression[1:], variables)))
    named = _NAME.match(expression)
    if named is None:
        raise SubstitutionError("variable substitution failed: unable to parse variable name")
    name, rest = named[0], expression[named.end() :]
    if not rest:
        return _known(name, variables)
    for sign in (":=", "=", ":-", "-"):
        if rest.startswith(sign):
            default = substitute(rest[len(sign) :], variables)
            value = variables.get(name)
            return default if value is None or (not value and sign != "=") else value
    return _changed(_known(name, variables), rest)


def _known(name: str, variables: Mapping[str, str]) -> str:
    value = variables.get(name)
    if value is None:
        raise SubstitutionError(f"variable not set (strict mode): {name}")
    return value


def _changed(value: str, rest: str) -> str:
    """Case, cutting and replacing: ``^ , ^^ ,, :start:length /from/to //from/to # ## % %%``."""
    cases = {
        "^": value[:1].upper() + value[1:],
        "^^": value.upper(),
        ",": value[:1].lower() + value[1:],
        ",,": value.lower(),
    }
    if rest in cases:
        return cases[rest]
    if rest.startswith(":"):
        start, _, length = rest[1:].partition(":")
        if not start.strip().lstrip("-").isdigit() or (length and not length.strip().isdigit()):
            raise SubstitutionError(f"variable substitution failed: bad substring {rest}")
        tail = value[int(start) :]
        return tail[: int(length)] if length else tail
    if rest.startswith("/"):
        everywhere = rest.startswith("//")
        old, _, new = rest.lstrip("/").partition("/")
        return value.replace(old, new) if everywhere else value.replace(old, new, 1)
    for sign in ("##", "#"):
        if rest.startswith(sign):
            return value.removeprefix(rest[len(sign) :])
    for sign in ("%%", "%"):
        if rest.startswith(sign):
            return value.removesuffix(rest[len(sign) :])
    raise SubstitutionError(f"variable substitution failed: unknown operation {rest}")
