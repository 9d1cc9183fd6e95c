"""Command-line flags as kubectl reads them (spf13/pflag): ``--name=value``, ``--name value``, ``-n value``, ``-nvalue``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.kubectl.options import GLOBAL, NOT_MODELLED, WITHOUT_EFFECT, options_of
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
    "v": "v",
    "s": "server",
}
_SHORT_OF = {
    "logs": {"f": "follow", "p": "previous"},
    "exec": {"i": "stdin", "t": "tty"},
    "attach": {"i": "stdin", "t": "tty"},
    "debug": {"i": "stdin", "t": "tty"},
    "run": {"i": "stdin", "t": "tty", "l": "labels"},
    "expose": {"l": "labels"},
    "create": {"r": "replicas"},
    "set": {"c": "containers", "e": "env"},
    "delete": {"i": "interactive"},
}
"""What letters stand for with one command, where that is something else."""
_SWITCHES = frozenset(
    """
    all all-containers all-namespaces all-pods allow-missing-template-keys append-hash arguments-only attach cached
    client command containers create-annotation current delete-emptydir-data disable-compression
    disable-eviction edit embed-certs exec-provide-cluster-info expose flatten follow for-all force
    force-conflicts global-default help ignore-daemonsets ignore-errors ignore-not-found
    insecure-skip-tls-verify insecure-skip-tls-verify-backend interactive keep-annotations
    keep-init-containers keep-labels keep-liveness keep-readiness keep-startup leave-stdin-open list
    local match-server-version merge minify namespaced no-headers now openapi-patch output-patch
    output-watch-events overwrite prefix previous privileged prune quiet recursive
    remove-extra-permissions remove-extra-subjects replace resolve rm same-node save-config server-print
    server-side set-raw-bytes share-processes show-capacity show-events show-kind show-labels show-managed-fields stdin sum
    timestamps tty use-protocol-buffers wait warnings-as-errors watch watch-only
    windows-line-endings
    """.split()
)
_VALUES = frozenset(
    """
    aggregation-rule annotation annotations api-group api-version applyset as as-group as-uid
    audience auth-provider auth-provider-arg bound-object-kind bound-object-name bound-object-uid
    cache-dir cascade categories cert certificate-authority chunk-size class client-certificate
    client-key cluster cluster-ip clusterip clusterrole concurrency container context cpu
    copy-to cpu-percent current-replicas custom default-backend description docker-email docker-password
    docker-server docker-username dry-run duration env exec-api-version exec-arg exec-command
    exec-env exec-interactive-mode external-ip external-name field-manager field-selector filename
    for from from-env-file from-file from-literal grace-period group hard image image-pull-policy
    key keys kubeconfig kuberc kustomize label-columns labels limit limit-bytes limits
    load-balancer-ip log-flush-frequency max max-log-requests max-unavailable memory min
    min-available name namespace namespaces node-port non-resource-url output output-directory
    override-type overrides password patch patch-file pod-running-timeout pod-selector port
    preemption-policy profile profile-output protocol proxy-url prune-allowlist raw replicas
    request-timeout requests resource resource-name resource-version restart revision role rule
    schedule scopes selector server serviceaccount set-image session-affinity since since-time
    skip-wait-for-delete-timeout sort-by subresource tail target target-port tcp template timeout
    tls-server-name to-revision token type types user username v validate value verb verbs vmodule
    """.split()
)
_OTHERWISE = {("set", "prefix"): _VALUES, ("set", "containers"): _VALUES, ("config", "raw"): _SWITCHES}
"""Flags that are a switch with one command and take a value with another: which they are with this one."""


_ELSEWHERE = "it reaches the one cluster that it is typed in, as the person who types (--as names another)"
_REFUSED = {
    **dict.fromkeys(("cluster", "context", "kubeconfig", "server"), _ELSEWHERE),
    **dict.fromkeys(
        ("user", "username", "password", "token", "client-certificate", "client-key"), _ELSEWHERE
    ),
}
"""Global flags that would send a command somewhere else, and why they are refused."""


Editor = Callable[[str], str]
"""A person with an editor: from the text that is opened to the text that is saved."""


class Flags(dict[str, list[str]]):
    """Flags by long name, each with all its values; ``asked`` are those that the command has asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, None] = {}

    def __contains__(self, name: object) -> bool:
        self.asked[str(name)] = None
        return super().__contains__(name)

    def __getitem__(self, name: str) -> list[str]:
        self.asked[name] = None
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The values of a flag."""
        self.asked[name] = None
        return super().get(name, default)


@dataclass
class Arguments:
    """A parsed command line: words, and flags by long name (each with all its values)."""

    words: list[str] = field(default_factory=list)
    flags: Flags = field(default_factory=Flags)
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

    def came_to_nothing(self) -> None:
        """There was nothing to do, so nobody asks about the flags that say how: none of them counts as ignored."""
        self.flags.asked.update(dict.fromkeys(self.flags))

    def ignored(self) -> list[str]:
        """The flags that were given and never asked about, but for those that could change nothing here."""
        return [name for name in self.flags if name not in self.flags.asked and name not in WITHOUT_EFFECT]

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
    shorthands: dict[str, str] = {}
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
            shorthands[shorts[letter]] = f"'{letter}' in {item}"
            _add(arguments, shorts[letter], value or None, rest)
        else:
            arguments.words.append(item)
    arguments.usage = _usage(arguments)
    known = options_of(arguments.words)
    for name in arguments.flags:
        if known is None:
            continue
        if name in NOT_MODELLED:
            what = f"of 'kubectl {' '.join(arguments.words[:1])}'"
            raise UsageError(f"error: kcsim does not model --{name} {what}")
        if name in known:
            continue
        if name not in GLOBAL and name in shorthands:
            raise UsageError(f"error: unknown shorthand flag: {shorthands[name]}{arguments.usage}")
        if name not in GLOBAL:
            raise UsageError(f"error: unknown flag: --{name}{arguments.usage}")
        if name in _REFUSED:
            raise UsageError(f"error: kcsim does not model --{name}: {_REFUSED[name]}")
    return arguments


def _add(arguments: Arguments, name: str, value: str | None, rest: list[str]) -> None:
    command = arguments.words[0] if arguments.words else ""
    kind = _OTHERWISE.get((command, name), _SWITCHES if name in _SWITCHES else _VALUES)
    if kind is _SWITCHES:
        arguments.flags.setdefault(name, []).append("true" if value is None else value)
        return
    if name not in _VALUES and (command, name) not in _OTHERWISE:
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
