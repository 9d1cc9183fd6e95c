"""Steps that kcsim does not claim to answer, each with the reason."""

from __future__ import annotations

from typing import Any

_COMMANDS = {
    "explain": "kubectl explain prints the API's documentation, which kcsim does not carry",
    "exec": "kubectl exec: no programs run inside containers",
    "cp": "kubectl cp: no programs run inside containers",
    "logs": "kubectl logs: containers write no logs",
    "top": "kubectl top: there is no metrics API",
}
_VALUE_FLAGS = {"-n", "--namespace", "--as", "--as-group"}


def out_of_scope(topic: str, step: dict[str, Any]) -> str:
    """The reason, or "" for a step that is in scope."""
    del topic
    words = step["do"].get("kubectl")
    if words is not None:
        return _COMMANDS.get(command_of(words), "")
    return ""


def command_of(words: list[str]) -> str:
    """The command of a kubectl line, past the global flags before it."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag in _VALUE_FLAGS:
            rest.pop(0)
    return rest[0] if rest else ""
