"""Command-line flags as kubectl reads them (spf13/pflag): ``--name=value``, ``--name value``, ``-n value``, ``-nvalue``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kcsim.kubectl.session import UsageError

_SHORT = {
    "n": "namespace",
    "f": "filename",
    "l": "selector",
    "o": "output",
    "A": "all-namespaces",
    "p": "patch",
    "R": "recursive",
    "k": "kustomize",
    "w": "watch",
    "c": "container",
    "q": "quiet",
    "e": "env",
    "L": "label-columns",
}
_SHORT_OF = {
    "logs": {"f": "follow", "p": "previous"},
    "exec": {"i": "stdin", "t": "tty"},
    "attach": {"i": "stdin", "t": "tty"},
    "debug": {"i": "stdin", "t": "tty"},
}
"""What letters stand for with one command, where that is something else."""
_SWITCHES = frozenset(
    {
        "all",
        "all-namespaces",
        "containers",
        "delete-emptydir-data",
        "disable-eviction",
        "force",
        "force-conflicts",
        "ignore-daemonsets",
        "ignore-not-found",
        "list",
        "no-headers",
        "now",
        "overwrite",
        "prune",
        "recursive",
        "server-side",
        "show-labels",
        "show-managed-fields",
        "watch",
        "watch-only",
        "wait",
        "save-config",
        "quiet",
        "command",
        "expose",
        "for-all",
        "global-default",
        "namespaced",
        "allow-missing-template-keys",
        "output-watch-events",
        "show-kind",
        "follow",
        "previous",
        "timestamps",
        "all-containers",
        "all-pods",
        "ignore-errors",
        "prefix",
        "client",
        "stdin",
        "tty",
        "minify",
    }
)
_VALUES = frozenset(
    {
        "as",
        "as-group",
        "cascade",
        "chunk-size",
        "container",
        "current-replicas",
        "dry-run",
        "field-manager",
        "field-selector",
        "filename",
        "for",
        "grace-period",
        "kustomize",
        "limit",
        "namespace",
        "output",
        "patch",
        "pod-selector",
        "replicas",
        "resource-version",
        "revision",
        "selector",
        "sort-by",
        "subresource",
        "timeout",
        "to-revision",
        "type",
        "validate",
        "requests",
        "limits",
        "env",
        "from-literal",
        "image",
        "port",
        "template",
        "tail",
        "since",
        "since-time",
        "limit-bytes",
        "max-log-requests",
        "pod-running-timeout",
        "api-version",
        "prune-allowlist",
        "applyset",
        "aggregation-rule",
        "annotation",
        "cert",
        "clusterip",
        "default-backend",
        "description",
        "docker-email",
        "docker-password",
        "docker-server",
        "docker-username",
        "external-name",
        "from-file",
        "key",
        "label-columns",
        "non-resource-url",
        "preemption-policy",
        "scopes",
        "api-group",
        "categories",
        "class",
        "clusterrole",
        "cpu",
        "cpu-percent",
        "duration",
        "from",
        "group",
        "hard",
        "labels",
        "max",
        "max-unavailable",
        "min",
        "min-available",
        "name",
        "node-port",
        "protocol",
        "raw",
        "request-timeout",
        "resource",
        "resource-name",
        "restart",
        "role",
        "rule",
        "schedule",
        "serviceaccount",
        "target-port",
        "tcp",
        "types",
        "user",
        "value",
        "verb",
        "verbs",
    }
)


_LOGS = frozenset({"logs"})
_TERMINAL = frozenset({"attach", "debug", "exec"})
_ONLY_OF: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("follow", "previous", "timestamps", "all-containers", "all-pods", "ignore-errors"), _LOGS
    ),
    **dict.fromkeys(("prefix", "tail", "since", "since-time", "limit-bytes", "max-log-requests"), _LOGS),
    **dict.fromkeys(("stdin", "tty"), _TERMINAL),
    **dict.fromkeys(("watch-only", "output-watch-events", "show-kind"), frozenset({"get"})),
    **dict.fromkeys(("prune-allowlist", "applyset"), frozenset({"apply"})),
    "pod-running-timeout": _LOGS | _TERMINAL | {"port-forward"},
    "api-version": frozenset({"explain"}),
    "client": frozenset({"version"}),
    "minify": frozenset({"config"}),
}
"""Flags that other commands do not know."""


Editor = Callable[[str], str]
"""A person with an editor: from the text that is opened to the text that is saved."""


@dataclass
class Arguments:
    """A parsed command line: words, and flags by long name (each with all its values)."""

    words: list[str] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    """What stands behind ``--``."""
    editor: Editor | None = None
    """What ``kubectl edit`` opens."""
    usage: str = ""
    """Where to read on when a flag has no value that it can have."""

    def get(self, name: str, default: str = "") -> str:
        """The last value given."""
        return self.flags[name][-1] if name in self.flags else default

    def all(self, name: str) -> list[str]:
        """Every value given, comma-separated ones taken apart."""
        return [part for value in self.flags.get(name, ()) for part in value.split(",")]

    def on(self, name: str, default: bool = False) -> bool:
        """Whether a switch is on."""
        return self.get(name, "true" if default else "false") not in {"false", "0"}

    def integer(self, name: str) -> int | None:
        """A whole number, None when the flag is absent.

        Raises:
            UsageError: when it is no number.
        """
        if name not in self.flags:
            return None
        text = self.get(name)
        try:
            return int(text)
        except ValueError:
            raise UsageError(
                f'error: invalid argument "{text}" for "--{name}" flag: strconv.ParseInt: parsing "{text}": invalid syntax'
                + self.usage
            ) from None


def parse(argv: Sequence[str]) -> Arguments:
    """Take a command line apart.

    Raises:
        UsageError: an unknown flag (with the nearest), or one without its value.
    """
    arguments = Arguments()
    rest = list(argv)
    while rest:
        item = rest.pop(0)
        if item == "--":
            arguments.command.extend(rest)
            break
        if item.startswith("--"):
            name, equals, value = item[2:].partition("=")
            _add(arguments, name, value if equals else None, rest)
        elif (
            item == "-it"
            and "stdin" in _SHORT_OF.get(arguments.words[0] if arguments.words else "", {}).values()
        ):
            rest[:0] = ["-i", "-t"]
        elif item.startswith("-") and len(item) > 1:
            letter, value = item[1], item[2:].removeprefix("=")
            shorts = {**_SHORT, **_SHORT_OF.get(arguments.words[0] if arguments.words else "", {})}
            if letter not in shorts:
                raise UsageError(f"error: unknown shorthand flag: '{letter}' in {item}{_usage(arguments)}")
            _add(arguments, shorts[letter], value or None, rest)
        else:
            arguments.words.append(item)
    arguments.usage = _usage(arguments)
    command = arguments.words[0] if arguments.words else ""
    for name in arguments.flags:
        if command not in _ONLY_OF.get(name, (command,)):
            raise UsageError(f"error: unknown flag: --{name}{arguments.usage}")
    return arguments


def _add(arguments: Arguments, name: str, value: str | None, rest: list[str]) -> None:
    if name in _SWITCHES:
        arguments.flags.setdefault(name, []).append("true" if value is None else value)
        return
    if name not in _VALUES:
        near = difflib.get_close_matches(name, sorted(_SWITCHES | _VALUES), 1)
        hint = f" (did you mean --{near[0]}?)" if near else ""
        raise UsageError(f"error: unknown flag: --{name}{hint}{_usage(arguments)}")
    if value is None:
        if (
            name in {"dry-run", "cascade", "validate"} and not (rest and not rest[0].startswith("-"))
        ) or name in {"dry-run", "cascade", "validate"}:
            value = {"dry-run": "unchanged", "cascade": "background", "validate": "true"}[name]
        elif not rest:
            raise UsageError(f"error: flag needs an argument: --{name}{_usage(arguments)}")
        else:
            value = rest.pop(0)
    arguments.flags.setdefault(name, []).append(value)


_FAMILIES = frozenset({"auth", "create", "rollout", "set", "top"})


def _usage(arguments: Arguments) -> str:
    """Where to read on: the command typed so far."""
    words = (
        arguments.words[:2]
        if arguments.words[:1] and arguments.words[0] in _FAMILIES
        else arguments.words[:1]
    )
    return f"\nSee '{' '.join(['kubectl', *words])} --help' for usage."
