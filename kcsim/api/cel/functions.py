"""Kubernetes' function libraries, as overloads the library can call.

**Imitates:** apiserver ``pkg/cel/library`` (v1.36): lists, regex, urls, quantity, ip, cidr, semver. Where upstream declares one
overload for each type of list, there is one for lists of anything here, so a sum is of no known type to the checker.
Left out: ``indexOf`` and ``lastIndexOf`` of lists, whose names the library's string functions have.

**Walk:** tables of (function, result, parameters, implementation) -> ``declare`` to check with, ``implement`` to run with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from kcsim.api.cel import addresses, amounts
from kcsim.api.cel.messages import library_type, opaque


class Overload(NamedTuple):
    """One way to call a function. A parameter list that begins with ``self`` is that of a method."""

    name: str
    result: str
    parameters: str
    implementation: Callable[..., Any]


def declare(overloads: Iterable[Overload]) -> list[Any]:
    """The declarations that expressions are checked against, one a function name."""
    from cel_expr_python import cel

    return [
        cel.FunctionDecl(name, [_declared(overload, None) for overload in group])
        for name, group in _by_name(overloads).items()
    ]


def implement(overloads: Iterable[Overload]) -> list[Any]:
    """The declarations that expressions run with.

    While they run the library tells arguments apart by their kind alone, and all messages are of one kind: overloads
    that differ in nothing else become one, which looks at what it gets.
    """
    from cel_expr_python import cel

    declarations = []
    for name, group in _by_name(overloads).items():
        by_kinds: dict[tuple[str, ...], list[Overload]] = {}
        for overload in group:
            kinds = tuple("message" if _is_message(word) else word for word in overload.parameters.split())
            by_kinds.setdefault(kinds, []).append(overload)
        merged = [_declared(same[0], _dispatch(same)) for same in by_kinds.values()]
        declarations.append(cel.FunctionDecl(name, merged))
    return declarations


def _by_name(overloads: Iterable[Overload]) -> dict[str, list[Overload]]:
    by_name: dict[str, list[Overload]] = {}
    for overload in overloads:
        by_name.setdefault(overload.name, []).append(overload)
    return by_name


def _is_message(word: str) -> bool:
    return word[0].isupper()


def _dispatch(group: list[Overload]) -> Callable[..., Any]:
    if len(group) == 1:
        return group[0].implementation
    rows = [([w for w in o.parameters.split() if w != "self"], o.implementation) for o in group]

    def call(*arguments: Any) -> Any:
        for words, implementation in rows:
            if all(
                not _is_message(w) or type(a).__name__ == w for w, a in zip(words, arguments, strict=True)
            ):
                return implementation(*arguments)
        raise ValueError("no such overload")

    return call


def _declared(overload: Overload, implementation: Callable[..., Any] | None) -> Any:
    from cel_expr_python import cel

    words = overload.parameters.split()
    member = words[:1] == ["self"]
    kinds = words[1:] if member else words
    given = {} if implementation is None else {"impl": implementation}
    return cel.Overload(
        f"{overload.name}({' '.join(words)})",
        return_type=library_type(overload.result),
        parameters=[library_type(kind) for kind in kinds],
        is_member=member,
        **given,
    )


# --- lists ------------------------------------------------------------------------------------------------------


def _is_sorted(items: list[Any]) -> bool:
    return all(a <= b for a, b in pairwise(items))


def _nonempty(name: str, choose: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def call(items: list[Any]) -> Any:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return choose(items)

    return call


_LISTS = (
    Overload("isSorted", "bool", "self []dyn", _is_sorted),
    Overload("sum", "dyn", "self []dyn", lambda items: sum(items[1:], start=items[0]) if items else 0),
    Overload("min", "dyn", "self []dyn", _nonempty("min", min)),
    Overload("max", "dyn", "self []dyn", _nonempty("max", max)),
)

# --- regex ------------------------------------------------------------------------------------------------------


@cache
def pattern(text: str) -> re.Pattern[str]:
    """An RE2 pattern: ``\\z`` ends the text, and so does ``$``, which in Python also stands before a last line break."""
    try:
        return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", text.replace(r"\z", r"\Z")))
    except re.error as error:
        raise ValueError(f"Illegal regex: error parsing regexp: {error}") from error


def _find(text: str, regex: str) -> str:
    found = pattern(regex).search(text)
    return found[0] if found else ""


def _find_all(text: str, regex: str, limit: int = -1) -> list[str]:
    found = [match[0] for match in pattern(regex).finditer(text)]
    return found if limit < 0 else found[:limit]


_REGEX = (
    Overload("find", "string", "self string string", _find),
    Overload("findAll", "[]string", "self string string", _find_all),
    Overload("findAll", "[]string", "self string string int", _find_all),
)

# --- urls -------------------------------------------------------------------------------------------------------


def _is_url(text: str) -> bool:
    """Go's url.ParseRequestURI: absolute, or a path that begins with a slash."""
    if not text or any(ord(letter) < 0x20 or letter == "\x7f" for letter in text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) or text.startswith("/")


def _url(text: str) -> Any:
    if not _is_url(text):
        raise ValueError(
            f"URL parse error during conversion from string: parse {text!r}: invalid URI for request"
        )
    return opaque("URL")(text=text)


_URLS = (
    Overload("isURL", "bool", "string", _is_url),
    Overload("url", "URL", "string", _url),
    Overload("getScheme", "string", "self URL", lambda url: urlsplit(url.text).scheme),
    Overload("getHost", "string", "self URL", lambda url: urlsplit(url.text).netloc.rpartition("@")[2]),
    Overload("getHostname", "string", "self URL", lambda url: urlsplit(url.text).hostname or ""),
    Overload("getPort", "string", "self URL", lambda url: str(urlsplit(url.text).port or "")),
    Overload("getEscapedPath", "string", "self URL", lambda url: urlsplit(url.text).path),
    Overload("getQuery", "{}[]string", "self URL", lambda url: parse_qs(urlsplit(url.text).query)),
)

# --- quantities, versions, addresses --------------------------------------------------------------------------------

_AMOUNTS = (
    Overload("quantity", "Quantity", "string", amounts.quantity_of),
    Overload("isQuantity", "bool", "string", amounts.is_quantity),
    Overload("isInteger", "bool", "self Quantity", amounts.is_integer),
    Overload("asInteger", "int", "self Quantity", amounts.as_integer),
    Overload("asApproximateFloat", "double", "self Quantity", amounts.as_float),
    Overload("sign", "int", "self Quantity", amounts.sign),
    Overload("add", "Quantity", "self Quantity Quantity", lambda a, b: amounts.plus(a, b, 1)),
    Overload("add", "Quantity", "self Quantity int", lambda a, b: amounts.plus(a, b, 1)),
    Overload("sub", "Quantity", "self Quantity Quantity", lambda a, b: amounts.plus(a, b, -1)),
    Overload("sub", "Quantity", "self Quantity int", lambda a, b: amounts.plus(a, b, -1)),
    Overload("compareTo", "int", "self Quantity Quantity", amounts.compare),
    Overload("isLessThan", "bool", "self Quantity Quantity", lambda a, b: amounts.compare(a, b) < 0),
    Overload("isGreaterThan", "bool", "self Quantity Quantity", lambda a, b: amounts.compare(a, b) > 0),
    Overload("semver", "Semver", "string", amounts.semver),
    Overload("semver", "Semver", "string bool", amounts.semver),
    Overload("isSemver", "bool", "string", amounts.is_semver),
    Overload("isSemver", "bool", "string bool", amounts.is_semver),
    Overload("major", "int", "self Semver", lambda v: amounts.parts(v)[0]),
    Overload("minor", "int", "self Semver", lambda v: amounts.parts(v)[1]),
    Overload("patch", "int", "self Semver", lambda v: amounts.parts(v)[2]),
    Overload("compareTo", "int", "self Semver Semver", amounts.compare_versions),
    Overload("isLessThan", "bool", "self Semver Semver", lambda a, b: amounts.compare_versions(a, b) < 0),
    Overload("isGreaterThan", "bool", "self Semver Semver", lambda a, b: amounts.compare_versions(a, b) > 0),
)

_ADDRESSES = (
    Overload("ip", "IP", "string", addresses.ip),
    Overload("isIP", "bool", "string", addresses.is_ip),
    Overload("ip.isCanonical", "bool", "string", addresses.is_canonical),
    Overload("family", "int", "self IP", lambda ip: addresses.read(ip).version),
    Overload("isUnspecified", "bool", "self IP", lambda ip: addresses.read(ip).is_unspecified),
    Overload("isLoopback", "bool", "self IP", lambda ip: addresses.read(ip).is_loopback),
    Overload("isLinkLocalMulticast", "bool", "self IP", addresses.is_link_local_multicast),
    Overload("isLinkLocalUnicast", "bool", "self IP", lambda ip: addresses.read(ip).is_link_local),
    Overload("isGlobalUnicast", "bool", "self IP", addresses.is_global_unicast),
    Overload("cidr", "CIDR", "string", addresses.cidr),
    Overload("isCIDR", "bool", "string", addresses.is_cidr),
    Overload("containsIP", "bool", "self CIDR IP", lambda net, ip: addresses.contains(net, ip.text)),
    Overload("containsIP", "bool", "self CIDR string", addresses.contains),
    Overload("containsCIDR", "bool", "self CIDR CIDR", lambda a, b: addresses.covers(a, b.text)),
    Overload("containsCIDR", "bool", "self CIDR string", addresses.covers),
    Overload("ip", "IP", "self CIDR", addresses.ip_of),
    Overload("masked", "CIDR", "self CIDR", addresses.masked),
    Overload("prefixLength", "int", "self CIDR", addresses.prefix_length),
)


def kubernetes_overloads() -> tuple[Overload, ...]:
    """The functions that every environment has."""
    return (*_LISTS, *_REGEX, *_URLS, *_AMOUNTS, *_ADDRESSES)
