"""What a postStart or preStop hook comes to: how long it takes, and whether it works.  Decides; never acts.

**Imitates:** ``pkg/kubelet/lifecycle/handlers.go`` (``Run``) and ``kuberuntime_container.go`` (``startContainer``), v1.36.
Differs: no program runs in a container; of a command ``sleep N``, ``exit N`` and ``false`` are understood, any other takes
``exec_us`` and works. ``httpGet`` works where the container listens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcsim.cluster.kubelet.probes import resolve_port
from kcsim.engine.clock import SECOND

POST_START_FAILED = "PostStartHookError"


@dataclass(frozen=True, slots=True)
class HookRun:
    """How a hook goes: its length (µs), and why it fails; "" when it works."""

    takes: int
    error: str = ""


def run_of_hook(
    container: dict[str, Any], name: str, exec_us: int, *, listens: Callable[[int], bool]
) -> HookRun | None:
    """The hook ``name`` (postStart or preStop) of the container; None when there is none.

    ``listens(port)``: whether the container accepts a connection there.
    """
    hook = (container.get("lifecycle") or {}).get(name)
    if not hook:
        return None
    if "sleep" in hook:
        return HookRun(int(hook["sleep"].get("seconds", 0)) * SECOND)
    if "exec" in hook:
        words = command_words(hook["exec"].get("command") or ())
        code = _exit_code(words)
        error = f"command '{' '.join(words)}' exited with {code}: " if code else ""
        return HookRun(slept(words, exec_us), error)
    port = resolve_port((hook.get("httpGet") or {}).get("port"), container)
    if listens(port):
        return HookRun(exec_us)
    return HookRun(0, f"connect: connection refused (port {port})")


def command_words(command: Any) -> list[str]:
    """The words of a command, also of those inside ``sh -c``."""
    return " ".join(str(word) for word in command).split()


def slept(words: list[str], otherwise: int) -> int:
    """How long (µs) the ``sleep``s of a command take; ``otherwise`` when there is none."""
    texts = [words[i + 1] for i, word in enumerate(words[:-1]) if word.rsplit("/", 1)[-1] == "sleep"]
    numbers = [int(text.rstrip(";s")) for text in texts if text.rstrip(";s").isdigit()]
    return sum(numbers) * SECOND if numbers else otherwise


def _exit_code(words: list[str]) -> int:
    for place, word in enumerate(words):
        if word.rsplit("/", 1)[-1].rstrip(";") == "false":
            return 1
        if word == "exit" and words[place + 1 : place + 2] and words[place + 1].rstrip(";").isdigit():
            return int(words[place + 1].rstrip(";"))
    return 0
