"""Which of an image's tags is the latest.  Decides; never acts.

**Imitates:** image-reflector-controller 1.x internal/policy (semver, alphabetical, numerical; filter.go) and the scan of
imagerepository_controller.go (exclusions, latest tags, when to scan).

**Walk:** tags of the registry -> without the excluded ones -> ``latest``: filtered, extracted, ordered -> one tag.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.delivery.gitops.flux.versions import highest

EXCLUDED = (r"^.*\.sig$",)
LATEST_TAGS = 10
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


class InvalidPolicy(Exception):
    """The policy cannot be used as it is written."""


class NothingFits(Exception):
    """No tag can be chosen."""


def kept(tags: Sequence[str], exclusion: Sequence[str]) -> list[str]:
    """The tags that no pattern excludes.

    Raises:
        re.error: a pattern cannot be read.
    """
    patterns = [re.compile(p) for p in exclusion]
    return [tag for tag in tags if not any(p.search(tag) for p in patterns)]


def newest(tags: Sequence[str]) -> list[str]:
    """What ``status.lastScanResult.latestTags`` shows: the last ten by the alphabet."""
    return sorted(tags, reverse=True)[:LATEST_TAGS]


def checksum(tags: Sequence[str]) -> str:
    """What a scan's result is known by."""
    return str(zlib.adler32(json.dumps(sorted(tags), separators=(",", ":")).encode()))


def latest(policy: Mapping[str, Any], tag_filter: Mapping[str, str] | None, tags: Sequence[str]) -> str:
    """The latest tag under ``spec.policy`` and ``spec.filterTags``.

    Raises:
        InvalidPolicy: the policy or the filter cannot be read.
        NothingFits: no tag is left, or one cannot be compared.
    """
    if not policy:
        raise InvalidPolicy("invalid policy: policy must be set")
    if not tag_filter:
        return _latest(policy, tags)
    originals = _filtered(tag_filter, tags)
    return originals[_latest(policy, sorted(originals))]


def _filtered(tag_filter: Mapping[str, str], tags: Sequence[str]) -> dict[str, str]:
    """What is compared of each tag that the pattern fits -> the tag."""
    pattern, extract = tag_filter.get("pattern", ""), tag_filter.get("extract", "")
    try:
        regex = re.compile(pattern)
    except re.error as error:
        why = f"invalid regular expression pattern '{pattern}': error parsing regexp: {error}"
        raise InvalidPolicy(f"failed to filter tags: {why}") from error
    found = {}
    for tag in tags:
        match = regex.search(tag)
        if match is not None:
            found[_expanded(extract, match) if extract else tag] = tag
    return found


def _expanded(template: str, match: re.Match[str]) -> str:
    """``$name``, ``${name}`` and ``$1`` replaced by what the groups hold, nothing for those there are not (Go's Expand)."""

    def group(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        name = found[2] or found[3]
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except (IndexError, re.error):
            return ""

    return _REFERENCE.sub(group, template)


def _latest(policy: Mapping[str, Any], tags: Sequence[str]) -> str:
    if not tags:
        raise NothingFits("version list argument cannot be empty")
    if "semver" in policy:
        return _by_version(policy["semver"].get("range", ""), tags)
    kind = "alphabetical" if "alphabetical" in policy else "numerical"
    order = (policy[kind] or {}).get("order", "asc").lower()
    if order not in {"asc", "desc"}:
        what = f"invalid order argument provided: '{order.upper()}', must be one of: ASC, DESC"
        raise InvalidPolicy(f"invalid policy: {what}")
    choose = max if order == "asc" else min
    return choose(tags) if kind == "alphabetical" else choose(tags, key=_number)


def _by_version(wanted: str, tags: Sequence[str]) -> str:
    try:
        best = highest(wanted, tags)
    except ValueError as error:
        raise InvalidPolicy(f"invalid policy: {error}") from error
    if best is None:
        raise NothingFits("unable to determine latest version from provided list")
    return best


def _number(tag: str) -> float:
    try:
        return float(tag)
    except ValueError:
        raise NothingFits(f"failed to parse invalid numeric value '{tag}'") from None
