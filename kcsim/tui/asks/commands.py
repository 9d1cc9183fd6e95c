"""The command bar: what a typed line means, and how it may go on.

Words as in k9s (``:pods``, ``:deploy shop``, ``:q``) and whole kubectl and flux lines. Pure, but for looking at names.

**Walk:** a line -> ``parse`` -> one of the commands below -> the screen carries it out; ``complete`` offers the rest of
the word that is being typed.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from kcsim.delivery.gitops.flux.cli import check as check_flux
from kcsim.kubectl.command import COMMANDS, check
from kcsim.simulation.simulation import NotFound
from kcsim.views.look import Look

READS = {
    "kubectl": frozenset({"get", "describe"}),
    "flux": frozenset({"get", "tree", "trace", "events", "version"}),
}
"""Commands that only look: they are answered at once and are no part of the story."""

ACTIONS = {
    "faster": "speed(1)",
    "help": "app.help",
    "inject": "inject",
    "next": "next",
    "quit": "app.leave",
    "redo": "redo",
    "run": "run",
    "save": "save",
    "slower": "speed(-1)",
    "undo": "undo",
}
"""The bar's own words and the actions they stand for."""

WORDS = ("goto", *ACTIONS)


class BadCommand(ValueError):
    """The line means nothing; the message says what it might have been."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A line of kubectl or flux, without that word; ``reads`` when it changes nothing."""

    program: Literal["kubectl", "flux"]
    line: str
    reads: bool

    def __str__(self) -> str:
        return f"{self.program} {self.line}"


@dataclass(frozen=True, slots=True)
class ShowKind:
    """Show the objects of a kind, of one namespace or of all."""

    word: str
    namespace: str | None


@dataclass(frozen=True, slots=True)
class Own:
    """One of the bar's own words and what follows it."""

    word: str
    rest: str

    @property
    def action(self) -> str:
        """The screen's action that it stands for."""
        return ACTIONS[self.word]


Command = Typed | ShowKind | Own


def parse(text: str, look: Look) -> Command:
    """What a line means.

    Raises:
        BadCommand: nothing.
    """
    text = text.strip().removeprefix(":").strip()
    first, _, rest = text.partition(" ")
    if not first:
        raise BadCommand("type a kind (pods, deploy), a kubectl line, or one of: " + ", ".join(WORDS))
    if first in {"q", "q!", "quit"}:
        return Own("quit", "")
    if first in READS or (first in COMMANDS and rest):
        return _typed(text if first in READS else f"kubectl {text}")
    if first in WORDS:
        return Own(first, rest.strip())
    try:
        look.resource(first)
    except NotFound:
        known = [*READS, *WORDS, *COMMANDS, *(kind.plural for kind in look.kinds())]
        near = difflib.get_close_matches(first, known, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadCommand(f"{first!r} is no kind and no command{hint}") from None
    return ShowKind(first, rest.strip() or None)


def _typed(text: str) -> Typed:
    program: Literal["kubectl", "flux"] = "flux" if text.startswith("flux") else "kubectl"
    line = text.removeprefix(program).strip()
    fault = check(line) if program == "kubectl" else check_flux(line)
    if fault is not None:
        raise BadCommand(" ".join(fault.split()))
    verb = next((word for word in line.split() if not word.startswith("-")), "")
    return Typed(program, line, verb in READS[program])


def complete(text: str, look: Look) -> str | None:
    """The line with its last word completed; None when nothing or too much would fit.

    Of several that fit, the first in the alphabet is offered.
    """
    before, space, last = text.rpartition(" ")
    words = before.split()
    if words[:1] == ["flux"]:
        known = _after_flux(words[1:], look)
    elif words[:1] == ["kubectl"]:
        words = words[1:]
        is_verb = not words
        known = list(COMMANDS) if is_verb else _operands(words, last, look)
    elif not words:
        known = [*READS, *WORDS, *(kind.plural for kind in look.kinds())]
    elif words[0] in COMMANDS:
        known = _operands(words, last, look)
    else:
        known = _namespaces(look)
    fitting = sorted(word for word in known if word.startswith(last) and word != last)
    return f"{before}{space}{fitting[0]}" if last and fitting else None


def _operands(words: list[str], last: str, look: Look) -> list[str]:
    """What may follow a kubectl verb: a kind, ``kind/name``, a name of the kind before, a namespace after -n."""
    if words[-1:] in (["-n"], ["--namespace"]):
        return _namespaces(look)
    if words[0] == "rollout" and len(words) == 1:
        return ["history", "pause", "restart", "resume", "status", "undo"]
    if words[0] == "set" and len(words) == 1:
        return ["env", "image", "resources", "selector", "serviceaccount", "subject"]
    if last.startswith("-"):
        return ["--namespace", "--replicas=", "--all-namespaces"]
    kind, slash, _ = last.partition("/")
    if slash:
        return [f"{kind}/{name}" for name in _names(kind, look)]
    named = [name for word in words[-1:] for name in _names(word, look)]
    return [*named, *(resource.singular for resource in look.kinds()), *(r.plural for r in look.kinds())]


def _after_flux(words: list[str], look: Look) -> list[str]:
    """What may follow the word flux: a verb, a kind, a name."""
    if not words:
        return ["diff", "events", "get", "reconcile", "resume", "suspend", "trace", "tree", "version"]
    if words[-1] in {"kustomization", "kustomizations", "ks"}:
        return _names("kustomizations", look)
    if words[-1] == "git":
        return _names("gitrepositories", look)
    return ["git"] if words[-1] == "source" else ["kustomization", "source"]


def _names(word: str, look: Look) -> list[str]:
    try:
        return [obj["metadata"]["name"] for obj in look.objects(word)]
    except NotFound:
        return []


def _namespaces(look: Look) -> list[str]:
    return _names("namespaces", look)
