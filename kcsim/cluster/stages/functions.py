"""The functions of templates: Go's own, the ones of Sprig that Stages use, and KWOK's.

**Imitates:** ``text/template/funcs.go``; github.com/Masterminds/sprig/v3; KWOK's ``pkg/utils/gotpl/funcs.go`` (0.7).
Left out: what draws at random, reads clocks of its own or the machine, cryptography, regular expressions, and the
escaping for HTML, JavaScript and URLs. A template that names one of these is refused when it is read.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from kcsim.api.gotemplate import show, truth
from kcsim.api.gotemplate_functions import GO_FUNCTIONS
from kcsim.manifests import dump

# --- Sprig ------------------------------------------------------------------------------------------------------


def _dict(*pairs: Any) -> dict[str, Any]:
    return {show(pairs[i]): pairs[i + 1] if i + 1 < len(pairs) else "" for i in range(0, len(pairs), 2)}


def _integer(value: Any) -> int:
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        try:
            return int(float(value))
        except ValueError:
            return 0
    return int(value)


def _whole_division(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _quote(*values: Any) -> str:
    return " ".join(json.dumps(show(v), ensure_ascii=False) for v in values if v is not None)


def _indent(spaces: int, text: str) -> str:
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def _set(target: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    target[key] = value
    return target


def _merge(target: dict[str, Any], *sources: Mapping[str, Any]) -> dict[str, Any]:
    for source in sources:
        for key, value in source.items():
            target.setdefault(key, value)
    return target


def _product(first: Any, others: tuple[Any, ...]) -> int:
    product = _integer(first)
    for other in others:
        product *= _integer(other)
    return product


def _kind(value: Any) -> str:
    kinds = {bool: "bool", int: "int", float: "float64", str: "string", list: "slice", dict: "map"}
    return kinds.get(type(value), "invalid")


_SPRIG: dict[str, Callable[..., Any]] = {
    "default": lambda given, value=None: value if truth(value) else given,
    "empty": lambda value: not truth(value),
    "coalesce": lambda *values: next((v for v in values if truth(v)), None),
    "ternary": lambda yes, no, test: yes if test else no,
    "quote": _quote,
    "squote": lambda *values: " ".join(f"'{show(v)}'" for v in values if v is not None),
    "trim": lambda text: text.strip(),
    "trimAll": lambda letters, text: text.strip(letters),
    "trimPrefix": lambda prefix, text: text.removeprefix(prefix),
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "upper": lambda text: text.upper(),
    "lower": lambda text: text.lower(),
    "title": lambda text: text.title(),
    "replace": lambda old, new, text: text.replace(old, new),
    "contains": lambda part, text: part in text,
    "hasPrefix": lambda prefix, text: text.startswith(prefix),
    "hasSuffix": lambda suffix, text: text.endswith(suffix),
    "repeat": lambda count, text: text * count,
    "substr": lambda start, end, text: text[start : end if end >= 0 else None],
    "trunc": lambda count, text: text[:count] if count >= 0 else text[count:],
    "nospace": lambda text: "".join(text.split()),
    "join": lambda separator, items: separator.join(show(item) for item in items or ()),
    "splitList": lambda separator, text: text.split(separator),
    "toString": show,
    "toStrings": lambda items: [show(item) for item in items],
    "int": _integer,
    "int64": _integer,
    "atoi": _integer,
    "float64": lambda value: float(value or 0),
    "add": lambda *values: sum(_integer(v) for v in values),
    "add1": lambda value: _integer(value) + 1,
    "sub": lambda a, b: _integer(a) - _integer(b),
    "mul": lambda first, *others: _product(first, others),
    "div": lambda a, b: _whole_division(_integer(a), _integer(b)),
    "mod": lambda a, b: _integer(a) - _integer(b) * _whole_division(_integer(a), _integer(b)),
    "max": lambda *values: max(_integer(v) for v in values),
    "min": lambda *values: min(_integer(v) for v in values),
    "until": lambda count: list(range(count)),
    "untilStep": lambda start, stop, step: list(range(start, stop, step)),
    "list": lambda *items: list(items),
    "first": lambda items: items[0] if items else None,
    "last": lambda items: items[-1] if items else None,
    "rest": lambda items: items[1:],
    "initial": lambda items: items[:-1],
    "append": lambda items, item: [*items, item],
    "prepend": lambda items, item: [item, *items],
    "concat": lambda *lists: [item for each in lists for item in each],
    "has": lambda item, items: item in (items or ()),
    "without": lambda items, *gone: [item for item in items if item not in gone],
    "uniq": lambda items: [item for place, item in enumerate(items) if item not in items[:place]],
    "reverse": lambda items: items[::-1],
    "sortAlpha": lambda items: sorted(show(item) for item in items),
    "compact": lambda items: [item for item in items if truth(item)],
    "dict": _dict,
    "get": lambda target, key: target.get(key, ""),
    "set": _set,
    "unset": lambda target, key: {k: v for k, v in target.items() if k != key},
    "hasKey": lambda target, key: key in target,
    "keys": lambda *targets: [key for target in targets for key in target],
    "values": lambda target: list(target.values()),
    "pick": lambda target, *keys: {k: target[k] for k in keys if k in target},
    "omit": lambda target, *keys: {k: v for k, v in target.items() if k not in keys},
    "merge": _merge,
    "toJson": lambda value: json.dumps(value, separators=(",", ":"), sort_keys=True),
    "toPrettyJson": lambda value: json.dumps(value, indent=2, sort_keys=True),
    "fromJson": json.loads,
    "indent": _indent,
    "nindent": lambda spaces, text: "\n" + _indent(spaces, text),
    "b64enc": lambda text: base64.b64encode(text.encode()).decode(),
    "b64dec": lambda text: base64.b64decode(text).decode(),
    "sha256sum": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "kindIs": lambda kind, value: _kind(value) == kind,
    "kindOf": _kind,
}


# --- KWOK -------------------------------------------------------------------------------------------------------

NODE_CONDITIONS: tuple[tuple[str, str, str, str], ...] = (
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("NetworkUnavailable", "False", "RouteCreated", "RouteController created a route"),
)


def _as_json_text(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text if text.startswith('"') else json.dumps(text, ensure_ascii=False)


def _yaml(value: Any, *indent: int) -> str:
    text = dump(value)
    if indent and indent[0] > 0:
        text = ("\n" + text).replace("\n", "\n" + " " * indent[0] * 2)
    return text


def _node_conditions() -> list[dict[str, Any]]:
    return [
        {
            "lastHeartbeatTime": None,
            "lastTransitionTime": None,
            "message": message,
            "reason": reason,
            "status": status,
            "type": kind,
        }
        for kind, status, reason, message in NODE_CONDITIONS
    ]


_KWOK: dict[str, Callable[..., Any]] = {
    "Quote": _as_json_text,
    "YAML": _yaml,
    "NodeConditions": _node_conditions,
    "Version": lambda: "v0.7.0",
}
FUNCTIONS: dict[str, Callable[..., Any]] = {**_SPRIG, **GO_FUNCTIONS, **_KWOK}
"""Every function that needs nothing but its arguments."""
WORLD_FUNCTIONS = (
    "Now",
    "StartTime",
    "NodeName",
    "NodePort",
    "NodeIP",
    "NodeIPWith",
    "NodeIPsWith",
    "PodIP",
    "PodIPWith",
    "PodIPsWith",
)
"""Functions that whoever plays the Stage adds: they know the clock and the addresses."""
