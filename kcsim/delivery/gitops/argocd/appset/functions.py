"""The functions of ApplicationSet templates.  Pure.

**Imitates:** Masterminds/sprig v3 as argo-cd applicationset/utils/utils.go puts it in, with `normalize`, `slugify`, `toYaml`,
`fromYaml`, `fromYamlArray`.  Left out: what asks a clock, dice or the machine (`now`, `uuidv4`, `randAlpha`, `genCA` and their
like), and rarer ones; a template that calls one is refused with `function "..." not defined`.

**Walk:** a template's pipeline -> `FUNCTIONS` -> the value.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from kcsim.api.gotemplate import show, truth
from kcsim.api.gotemplate_functions import GO_FUNCTIONS
from kcsim.delivery.gitops.argocd.appset import names
from kcsim.manifests import ManifestError, documents, dump


def _empty(value: Any) -> bool:
    return not truth(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else show(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    try:
        return int(float(value)) if isinstance(value, (int, float)) else int(str(value), 0)
    except ValueError:
        return 0


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", text)


def _substring(start: int, end: int, text: str) -> str:
    return (
        text[: max(end, 0)] if start < 0 else text[start:] if end < 0 or end > len(text) else text[start:end]
    )


def _trunc(length: int, text: str) -> str:
    return text[length:] if length < 0 and len(text) + length > 0 else text[:length] if length >= 0 else text


def _indent(spaces: int, text: str) -> str:
    pad = " " * spaces
    return pad + text.replace("\n", f"\n{pad}")


def _dictionary(*parts: Any) -> dict[str, Any]:
    pairs = [*parts, ""] if len(parts) % 2 else list(parts)
    return {_text(pairs[i]): pairs[i + 1] for i in range(0, len(pairs), 2)}


def _set(target: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    # Sprig changes the dictionary that it is given, and templates count on it.
    target[key] = value
    return target


def _unset(target: dict[str, Any], key: str) -> dict[str, Any]:
    target.pop(key, None)
    return target


def _dig(*parts: Any) -> Any:
    *path, default, found = parts
    for step in path:
        if not isinstance(found, Mapping) or step not in found:
            return default
        found = dict.get(found, step) if isinstance(found, dict) else found[step]
    return found


def _merged(target: Mapping[str, Any], *others: Mapping[str, Any], override: bool = False) -> dict[str, Any]:
    made = dict(target)
    for other in others:
        for key in other:
            value, before = other[key], dict.get(made, key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                made[key] = _merged(before, value, override=override)
            elif override or _empty(before):
                made[key] = value
    return made


def _index(item: Any, *keys: Any) -> Any:
    # Unlike a field, a key that is not there is no error, whatever the option missingkey says.
    for key in keys:
        item = dict.get(item, key) if isinstance(item, dict) else GO_FUNCTIONS["index"](item, key)
    return item


def _list_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def _unique(values: list[Any]) -> list[Any]:
    return [value for i, value in enumerate(values) if value not in values[:i]]


def _from_yaml(text: str) -> Any:
    try:
        found = documents(text, "template")
    except ManifestError as error:
        raise ValueError(str(error)) from None
    return found[0].value if found else None


def _to_json(value: Any, **layout: Any) -> str:
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":") if not layout else None, **layout
    )


def _replaced(expression: str, text: str, replacement: str) -> str:
    # Go writes groups as $1 and ${1}.
    return re.sub(expression, re.sub(r"\$\{?(\d+)\}?", r"\\\1", replacement), text)


def _found(expression: str, text: str) -> str:
    match = re.search(expression, text)
    return match.group(0) if match else ""


def _split(separator: str, text: str) -> dict[str, str]:
    return {f"_{i}": part for i, part in enumerate(text.split(separator))}


def _slugify(*arguments: Any) -> str:
    length = int(arguments[0]) if len(arguments) > 1 else names.SLUG_LENGTH
    smart = bool(arguments[1]) if len(arguments) > 2 else True
    return names.slug(names.sanitized(str(arguments[-1])), length, smart=smart)


def _quoted(mark: str) -> Callable[..., str]:
    def quote(*values: Any) -> str:
        shown = [_text(v) for v in values if v is not None]
        return " ".join(json.dumps(t, ensure_ascii=False) if mark == '"' else f"'{t}'" for t in shown)

    return quote


def _failed(message: str) -> Any:
    raise ValueError(message)


def _product(*values: Any) -> int:
    return math.prod(_integer(value) for value in values)


def _quotient(a: Any, b: Any) -> int:
    return int(_integer(a) / _integer(b))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **GO_FUNCTIONS,
    "index": _index,
    "normalize": names.sanitized,
    "slugify": _slugify,
    "toYaml": lambda v: dump(v).removesuffix("\n"),
    "fromYaml": lambda t: _from_yaml(t) or {},
    "fromYamlArray": lambda t: _from_yaml(t) or [],
    "toJson": _to_json,
    "toRawJson": _to_json,
    "toPrettyJson": lambda v: _to_json(v, indent=2),
    "fromJson": json.loads,
    "default": lambda d, v=None: d if _empty(v) else v,
    "empty": _empty,
    "coalesce": lambda *vs: next((v for v in vs if not _empty(v)), None),
    "ternary": lambda a, b, c: a if c else b,
    "all": lambda *vs: all(not _empty(v) for v in vs),
    "any": lambda *vs: any(not _empty(v) for v in vs),
    "fail": _failed,
    "required": lambda m, v: _failed(m) if v is None or v == "" else v,
    "kindOf": lambda v: {
        dict: "map",
        list: "slice",
        str: "string",
        bool: "bool",
        int: "int",
        float: "float64",
    }.get(type(v), "invalid"),
    # --- texts
    "toString": _text,
    "upper": lambda t: t.upper(),
    "lower": lambda t: t.lower(),
    "title": lambda t: re.sub(r"\b\w", lambda m: m[0].upper(), t),
    "untitle": lambda t: re.sub(r"\b\w", lambda m: m[0].lower(), t),
    "trim": lambda t: t.strip(),
    "trimAll": lambda c, t: t.strip(c),
    "trimPrefix": lambda p, t: t.removeprefix(p),
    "trimSuffix": lambda p, t: t.removesuffix(p),
    "nospace": lambda t: re.sub(r"\s", "", t),
    "replace": lambda old, new, t: t.replace(old, new),
    "repeat": lambda n, t: t * _integer(n),
    "substr": lambda a, b, t: _substring(_integer(a), _integer(b), t),
    "trunc": lambda n, t: _trunc(_integer(n), t),
    "contains": lambda part, t: part in t,
    "hasPrefix": lambda p, t: t.startswith(p),
    "hasSuffix": lambda p, t: t.endswith(p),
    "quote": _quoted('"'),
    "squote": _quoted("'"),
    "cat": lambda *vs: " ".join(_text(v) for v in vs if v is not None),
    "indent": lambda n, t: _indent(_integer(n), t),
    "nindent": lambda n, t: "\n" + _indent(_integer(n), t),
    "plural": lambda one, many, n: one if _integer(n) == 1 else many,
    "camelcase": lambda t: "".join(w[:1].upper() + w[1:] for w in re.split(r"[-_ ]+", t)),
    "kebabcase": lambda t: "-".join(w.lower() for w in _words(t)),
    "snakecase": lambda t: "_".join(w.lower() for w in _words(t)),
    "b64enc": lambda t: base64.b64encode(t.encode()).decode(),
    "b64dec": lambda t: base64.b64decode(t.encode()).decode(),
    "sha1sum": lambda t: hashlib.sha1(t.encode(), usedforsecurity=False).hexdigest(),
    "sha256sum": lambda t: hashlib.sha256(t.encode()).hexdigest(),
    "split": _split,
    "splitList": lambda s, t: t.split(s),
    "join": lambda s, vs: s.join(_text(v) for v in _list_of(vs) if v is not None),
    "toStrings": lambda vs: [_text(v) for v in _list_of(vs)],
    "regexMatch": lambda e, t: re.search(e, t) is not None,
    "regexFind": _found,
    "regexFindAll": lambda e, t, n: [m[0] for m in re.finditer(e, t)][: None if n < 0 else n],
    "regexReplaceAll": _replaced,
    "regexReplaceAllLiteral": lambda e, t, r: re.sub(e, lambda _m: r, t),
    "regexSplit": lambda e, t, n: re.split(e, t, maxsplit=0 if n < 0 else max(n - 1, 0)),
    "base": lambda p: p.rstrip("/").rpartition("/")[2] or ("/" if p else "."),
    "dir": lambda p: p.rpartition("/")[0] or ("/" if p.startswith("/") else "."),
    "ext": lambda p: "." + p.rpartition("/")[2].rpartition(".")[2] if "." in p.rpartition("/")[2] else "",
    # --- numbers
    "int": _integer,
    "int64": _integer,
    "float64": _float,
    "atoi": _integer,
    "add": lambda *vs: sum(_integer(v) for v in vs),
    "add1": lambda v: _integer(v) + 1,
    "sub": lambda a, b: _integer(a) - _integer(b),
    "mul": _product,
    "div": _quotient,
    "mod": lambda a, b: int(math.fmod(_integer(a), _integer(b))),
    "max": lambda *vs: max(_integer(v) for v in vs),
    "min": lambda *vs: min(_integer(v) for v in vs),
    "ceil": lambda v: float(math.ceil(_float(v))),
    "floor": lambda v: float(math.floor(_float(v))),
    "round": lambda v, n: math.floor(_float(v) * 10**n + 0.5) / 10**n,
    "until": lambda n: list(range(0, _integer(n), 1 if _integer(n) >= 0 else -1)),
    "untilStep": lambda a, b, s: list(range(_integer(a), _integer(b), _integer(s))) if s else [],
    # --- lists and dictionaries
    "list": lambda *vs: list(vs),
    "first": lambda vs: vs[0] if vs else None,
    "last": lambda vs: vs[-1] if vs else None,
    "rest": lambda vs: list(vs[1:]),
    "initial": lambda vs: list(vs[:-1]),
    "append": lambda vs, v: [*vs, v],
    "prepend": lambda vs, v: [v, *vs],
    "concat": lambda *ls: [v for vs in ls for v in vs],
    "reverse": lambda vs: list(reversed(vs)),
    "uniq": _unique,
    "without": lambda vs, *gone: [v for v in vs if v not in gone],
    "compact": lambda vs: [v for v in vs if not _empty(v)],
    "has": lambda v, vs: v in (vs or ()),
    "sortAlpha": lambda vs: sorted(_text(v) for v in _list_of(vs)),
    "dict": _dictionary,
    "get": lambda d, k: dict.get(d, k, ""),
    "set": _set,
    "unset": _unset,
    "hasKey": lambda d, k: k in d,
    "keys": lambda *ds: [k for d in ds for k in sorted(d)],
    "values": lambda d: [d[k] for k in sorted(d)],
    "pluck": lambda k, *ds: [d[k] for d in ds if k in d],
    "pick": lambda d, *ks: {k: d[k] for k in ks if k in d},
    "omit": lambda d, *ks: {k: d[k] for k in d if k not in ks},
    "dig": _dig,
    "merge": _merged,
    "mergeOverwrite": lambda *ds: _merged(*ds, override=True),
    "deepCopy": lambda v: json.loads(json.dumps(v)),
}
"""What a template can call."""
