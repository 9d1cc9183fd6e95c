"""The Corefile: what a name server is told to do.  Decides; never acts.

**Imitates:** CoreDNS 1.12: the grammar of a Corefile, and of the plugins ``kubernetes`` (``ttl``, ``pods``), ``cache`` and
``forward`` what answers depend on. What a Corefile asks for besides is returned by name, for the trace.

**Walk:** the text of the ConfigMap -> tokens -> blocks of directives -> a ``Corefile``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kcsim.engine.clock import SECOND, seconds

_TOKEN = re.compile(r'"[^"\n]*"|[^\s{}"]+|[{}]')
_QUIET = frozenset(
    {"errors", "health", "ready", "loop", "reload", "loadbalance", "log", "prometheus", "bind", "debug"}
)
"""Plugins that no answer depends on."""
_CACHE_SUCCESS, _CACHE_DENIAL, _CACHE_LEAST = 3600, 1800, 5
"""Seconds, plugin/cache: the longest for what there is and for what there is not, and the least for both."""
_TTL = 5
"""Seconds, plugin/kubernetes: the TTL of records where nothing is said."""
_STALE = 3600


class BadCorefile(ValueError):
    """A Corefile that CoreDNS would not start with."""


@dataclass(frozen=True, slots=True)
class CacheRules:
    """How long answers are kept (seconds), by zone.

    Attributes:
        zones: those that are cached; none: all.
        success, denial: the least and the longest time for answers with records, and for those without.
        no_success, no_denial: the zones for which this is switched off; "" is every one.
        stale: how long a stale answer is given while there is no other.
    """

    zones: tuple[str, ...] = ()
    success: tuple[int, int] = (_CACHE_LEAST, _CACHE_SUCCESS)
    denial: tuple[int, int] = (_CACHE_LEAST, _CACHE_DENIAL)
    no_success: tuple[str, ...] = ()
    no_denial: tuple[str, ...] = ()
    stale: int = 0

    def keeps(self, name: str, ttl: int, *, found: bool) -> int:
        """For how long (seconds) an answer of that TTL is kept; 0: not at all."""
        if self.zones and not _lies_in(name, self.zones):
            return 0
        if _lies_in(name, self.no_success if found else self.no_denial):
            return 0
        least, most = self.success if found else self.denial
        return min(max(ttl, least), most)


@dataclass(frozen=True, slots=True)
class Corefile:
    """What answers depend on.

    Attributes:
        zones: of the plugin ``kubernetes``, such as ``cluster.local``; none: it is not there.
        ttl: of its records (seconds).
        pods: whether names of pods' addresses are answered, unchecked.
        forwards: whether other names are asked for outside.
        cache: None: nothing is kept.
        ignored: what else it asks for, in words.
    """

    zones: tuple[str, ...] = ()
    ttl: int = _TTL
    pods: bool = False
    forwards: bool = False
    cache: CacheRules | None = None
    ignored: tuple[str, ...] = field(default=())

    def is_own(self, name: str) -> bool:
        """Whether a name lies in a zone that is answered from the cluster's objects."""
        return _lies_in(name, self.zones)


@dataclass(slots=True)
class _Directive:
    words: list[str]
    inner: list[_Directive]


def parse(text: str) -> Corefile:
    """What a Corefile says.

    Raises:
        BadCorefile: it cannot be read, or a plugin is told what it does not understand.
    """
    blocks = _blocks(_tokens(text))
    if not blocks:
        raise BadCorefile("it has no server block")
    ignored: list[str] = []
    found = Corefile()
    for block in blocks:
        names = [word.rstrip(",").partition(":")[0].rstrip(".") for word in block.words]
        if block is blocks[0]:
            found = _server(block, ignored)
        elif any(names):
            ignored.append(f"the server block of {' '.join(block.words)}")
    return Corefile(found.zones, found.ttl, found.pods, found.forwards, found.cache, tuple(ignored))


def _server(block: _Directive, ignored: list[str]) -> Corefile:
    zones: tuple[str, ...] = ()
    ttl, pods, forwards = _TTL, False, False
    cache: CacheRules | None = None
    for plugin in block.inner:
        name, *arguments = plugin.words
        if name == "kubernetes":
            zones = tuple(zone.rstrip(".").lower() for zone in arguments) or ("cluster.local",)
            ttl, pods = _kubernetes(plugin, ignored)
        elif name == "cache":
            cache = _cache(plugin, ignored)
        elif name == "forward":
            forwards = True
            if arguments[:1] != ["."]:
                ignored.append(f"forward {' '.join(arguments)}")
                forwards = False
        elif name not in _QUIET:
            ignored.append(name)
    return Corefile(zones, ttl, pods, forwards, cache)


def _kubernetes(plugin: _Directive, ignored: list[str]) -> tuple[int, bool]:
    ttl, pods = _TTL, False
    for option in plugin.inner:
        name, *arguments = option.words
        if name == "ttl":
            ttl = _number(option, arguments, 0, 3600)
        elif name == "pods":
            if arguments not in (["disabled"], ["insecure"], ["verified"]):
                raise BadCorefile(
                    f"pods takes disabled, insecure or verified, not {' '.join(arguments) or 'nothing'}"
                )
            pods = arguments != ["disabled"]
            if arguments == ["verified"]:
                ignored.append("kubernetes pods verified: names of pods are not checked")
        elif name not in ("fallthrough", "endpoint_pod_names"):
            ignored.append(f"kubernetes {name}")
        elif name == "endpoint_pod_names":
            ignored.append("kubernetes endpoint_pod_names")
    return ttl, pods


def _cache(plugin: _Directive, ignored: list[str]) -> CacheRules:
    arguments = plugin.words[1:]
    success, denial = (_CACHE_LEAST, _CACHE_SUCCESS), (_CACHE_LEAST, _CACHE_DENIAL)
    if arguments and arguments[0].isdigit():
        most = _number(plugin, arguments[:1], 1, 1 << 31)
        success, denial = (_CACHE_LEAST, most), (_CACHE_LEAST, most)
        arguments = arguments[1:]
    zones = tuple(zone.rstrip(".").lower() for zone in arguments)
    off: dict[str, tuple[str, ...]] = {"success": (), "denial": ()}
    stale = 0
    for option in plugin.inner:
        name, *words = option.words
        if name in ("success", "denial"):
            limits = _limits(option, words, success if name == "success" else denial)
            success, denial = (limits, denial) if name == "success" else (success, limits)
        elif name == "disable":
            if words[:1] not in (["success"], ["denial"]):
                raise BadCorefile(f"cache: disable takes success or denial, not {' '.join(words[:1])}")
            off[words[0]] = tuple(zone.rstrip(".").lower() for zone in words[1:]) or zones or ("",)
        elif name == "serve_stale":
            stale = seconds(words[0]) // SECOND if words else _STALE
        elif name not in ("prefetch", "servfail", "keepttl"):
            raise BadCorefile(f"cache: unknown property '{name}'")
        else:
            ignored.append(f"cache {name}")
    return CacheRules(zones, success, denial, off["success"], off["denial"], stale)


def _limits(option: _Directive, words: list[str], default: tuple[int, int]) -> tuple[int, int]:
    """``CAPACITY [TTL] [MINTTL]``; how many answers there is room for does not matter here."""
    least, most = default
    if len(words) > 1:
        most = _number(option, words[1:2], 1, 1 << 31)
    if len(words) > 2:
        least = _number(option, words[2:3], 0, 1 << 31)
    return least, most


def _number(option: _Directive, words: list[str], least: int, most: int) -> int:
    if len(words) != 1 or not words[0].isdigit() or not least <= int(words[0]) <= most:
        raise BadCorefile(f"'{' '.join(option.words)}' needs a whole number of seconds, {least} or more")
    return int(words[0])


def _lies_in(name: str, zones: tuple[str, ...]) -> bool:
    return any(not zone or name == zone or name.endswith("." + zone) for zone in zones)


# --- the grammar ------------------------------------------------------------------------------------------------


def _tokens(text: str) -> Iterator[list[str]]:
    """The words of each line, without comments."""
    for line in text.splitlines():
        words = _TOKEN.findall(re.sub(r"(^|\s)#.*", "", line))
        if words:
            yield [word.strip('"') for word in words]


def _blocks(lines: Iterator[list[str]]) -> list[_Directive]:
    """Directives, each with those in its braces, one inside the other."""
    top: list[_Directive] = []
    stack = [top]
    for line in lines:
        words = line
        if words[0] == "}":
            if len(stack) == 1 or len(words) > 1:
                raise BadCorefile("a closing brace stands where none belongs")
            stack.pop()
            continue
        opens = words[-1] == "{"
        words = words[:-1] if opens else words
        if not words or "{" in words or "}" in words:
            raise BadCorefile(
                f"braces open at the end of a line, and close on one of their own: {' '.join(line)}"
            )
        made = _Directive(words, [])
        stack[-1].append(made)
        if opens:
            stack.append(made.inner)
    if len(stack) > 1:
        raise BadCorefile("a brace is not closed")
    return top
