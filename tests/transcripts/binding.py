"""Placeholders of recordings: bound where they first appear in an answer, equal from then on, put back into requests.

Walk: expected value + actual value -> ``compare`` (differences, and new bindings) -> ``fill`` (a request with the bound
values in it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

PLACEHOLDER = re.compile(
    r"<(uid|rv|listrv|continue|hash|rand|clusterip|nodeport|podip):(\d+)>|<(n|hex|time|age|jwt|server|tmp|git|pem|klog)>"
)
_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]+:[0-9a-f:]*"
_AGE = r"(?:\d+[smhdy])+|<unknown>|<invalid>|\d+(?:\.\d+)?(?:ms|s|m|µs)[0-9a-z.]*"
_SHAPES = {
    "uid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "rv": r"\d+",
    "listrv": r"\d+",
    "n": r"\d+",
    "continue": r"[A-Za-z0-9_=-]+",
    "hash": r"[a-z0-9]{5,10}",
    "rand": r"[a-z0-9]{5}",
    "hex": r"[0-9a-f]{16}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]{8,18} \+0000(?: UTC)?|[0-9][0-9T:.Z+-]{8,34}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [+A-Z0-9]+",
    "age": _AGE,
    "clusterip": _ADDRESS,
    "podip": _ADDRESS,
    "nodeport": r"\d{1,5}",
    "jwt": r"[A-Za-z0-9_.-]+",
    "server": r"https?://[A-Za-z0-9_.:-]+",
    "tmp": r"[^\s\"']+",
    "git": r"[0-9a-f]+",
    "klog": r"[IWEF]\d{4} [0-9:.]+ +\d+ [a-z_.]+:\d+\]",
    "pem": r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----",
}
_PEM = re.compile(_SHAPES["pem"])
_VARIABLE_WIDTH = re.compile(r"<[a-z]+(?::\d+)?>")


class Unbound(Exception):
    """A request needs a value that no answer has shown."""


@dataclass(frozen=True)
class Difference:
    """Where an answer is not as recorded."""

    where: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        return f"{self.where}: recorded {_short(self.expected)}, got {_short(self.actual)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:600]}..."


MISSING = "(absent)"


@dataclass
class Bindings:
    """The values seen so far, by placeholder."""

    values: dict[str, Any] = field(default_factory=dict)

    def fill(self, value: Any) -> Any:
        """A request with the bound values in it.

        Raises:
            Unbound: naming the placeholder.
        """
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, str) or "<" not in value:
            return value
        whole = PLACEHOLDER.fullmatch(value)
        if whole is not None:
            return self._value(value)
        return PLACEHOLDER.sub(lambda match: str(self._value(match[0])), value)

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise Unbound(name)
        return self.values[name]

    # --- comparing ----------------------------------------------------------------------------------------------

    def compare(self, expected: Any, actual: Any, where: str = "") -> list[Difference]:
        """The differences between two JSON values; binds on the way, also where other parts differ."""
        if isinstance(expected, dict) and isinstance(actual, dict):
            return self._objects(expected, actual, where)
        if isinstance(expected, list) and isinstance(actual, list):
            found = [
                difference
                for place, (left, right) in enumerate(zip(expected, actual, strict=False))
                for difference in self.compare(left, right, f"{where}[{place}]")
            ]
            if len(expected) != len(actual):
                found.append(Difference(f"{where}.length", len(expected), len(actual)))
            return found
        if isinstance(expected, str):
            return self._strings(expected, actual, where)
        same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
        return [] if same else [Difference(where, expected, actual)]

    def _objects(self, expected: dict[str, Any], actual: dict[str, Any], where: str) -> list[Difference]:
        found: list[Difference] = []
        left = dict(actual)
        for key, value in expected.items():
            own = self._key(key, left)
            if own is None:
                found.append(Difference(f"{where}.{key}", value, MISSING))
                continue
            found.extend(self.compare(value, left.pop(own), f"{where}.{key}"))
        found.extend(Difference(f"{where}.{key}", MISSING, value) for key, value in left.items())
        return found

    def _key(self, key: str, among: dict[str, Any]) -> str | None:
        if key in among:
            return key
        if PLACEHOLDER.search(key) is None:
            return None
        return next((other for other in among if self.match(key, other)), None)

    def _strings(self, expected: str, actual: Any, where: str) -> list[Difference]:
        whole = PLACEHOLDER.fullmatch(expected)
        if whole is not None and isinstance(actual, int) and not isinstance(actual, bool):
            if self.match(expected, str(actual)):
                self.values[expected] = actual
                return []
            return [Difference(where, expected, actual)]
        if isinstance(actual, str) and self.match(expected, actual):
            return []
        return [Difference(where, self.shown(expected), actual)]

    def shown(self, text: str) -> str:
        """An expected text with the values known so far, for messages."""
        return PLACEHOLDER.sub(lambda m: str(self.values.get(m[0], m[0])), text)

    def match(self, expected: str, actual: str) -> bool:
        """Whether a text is as recorded; binds the placeholders in it when it is."""
        expected = _PEM.sub("<pem>", expected)
        if "<" not in expected:
            return expected == actual
        pattern, names, end = "", {}, 0
        for match in PLACEHOLDER.finditer(expected):
            pattern += re.escape(expected[end : match.start()])
            end = match.end()
            name, kind = match[0], match[1] or match[3]
            if name in self.values:
                pattern += re.escape(str(self.values[name]))
            elif name in names:
                pattern += f"(?P={names[name]})"
            elif match[1]:
                names[name] = f"p{len(names)}"
                pattern += f"(?P<{names[name]}>{_SHAPES[kind]})"
            else:
                pattern += f"(?:{_SHAPES[kind]})"
        pattern += re.escape(expected[end:])
        found = re.fullmatch(pattern, actual)
        if found is None:
            return False
        for name, group in names.items():
            self.values[name] = found[group]
        return True

    # --- text ---------------------------------------------------------------------------------------------------

    def compare_text(self, expected: str, actual: str, where: str) -> list[Difference]:
        """The differences between two printed texts, line by line."""
        if _VARIABLE_WIDTH.search(expected):
            actual = squeezed(actual)
            expected = squeezed(expected)
        if self.match(expected, actual):
            return []
        expected, actual = _PEM.sub("<pem>", expected), _PEM.sub("<pem>", actual)
        left, right = expected.split("\n"), actual.split("\n")
        found = [
            Difference(f"{where} line {place + 1}", self.shown(a), b)
            for place, (a, b) in enumerate(zip(left, right, strict=False))
            if not self.match(a, b) and a != b
        ]
        if len(left) != len(right):
            more = right[len(left) :] or left[len(right) :]
            found.append(Difference(f"{where} lines", len(left), f"{len(right)}: {more[:3]}"))
        return found or [Difference(where, expected, actual)]


def squeezed(text: str) -> str:
    """Runs of blanks inside lines made two, of tabs one, trailing blanks removed (see the recordings' README)."""
    lines = []
    for line in text.split("\n"):
        body = line.lstrip(" ")
        lead = line[: len(line) - len(body)]
        body = re.sub(r" {2,}", "  ", body)
        lines.append((lead + re.sub(r"\t+", "\t", body)).rstrip(" "))
    return "\n".join(lines)
