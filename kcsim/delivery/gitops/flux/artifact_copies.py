"""What an ArtifactGenerator copies from its sources into an artifact.  Decides; never acts.

**Imitates:** fluxcd/source-watcher 2.2 internal/builder (copy operations like those of ``cp``, excludes, the merge of values files,
the extraction of tarballs) and internal/controller/artifactgenerator_pathpattern.go. Left out: modes of files and symbolic links.

**Walk:** sources by alias, each path -> content -> ``requests`` (one artifact, or one for each directory that fits the path pattern) ->
``copied``: operation by operation, the later ones win -> the files of the artifact.
"""

from __future__ import annotations

import gzip
import io
import posixpath
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kcsim.manifests import ManifestError, documents, dump

Files = Mapping[str, bytes]
_ARTIFACT = "@artifact/"
_TARBALLS = (".tar.gz", ".tgz")
_CAPTURE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class CopyFailed(Exception):
    """A copy operation cannot be carried out with what the sources hold."""


class BadPattern(Exception):
    """The path pattern, or what it makes of the names of directories, cannot work."""


@dataclass(frozen=True, slots=True)
class Request:
    """One artifact to build: an entry of ``spec.artifacts``, its placeholders filled in, and the labels it gets."""

    output: Mapping[str, Any]
    labels: Mapping[str, str]


# --- which artifacts --------------------------------------------------------------------------------------------


def requests(spec: Mapping[str, Any], sources: Mapping[str, Files]) -> list[Request]:
    """The artifacts that a spec asks for: as they are written, or once for each directory that fits the path pattern.

    Raises:
        BadPattern: the pattern cannot be read, or leads to names that no object can have.
    """
    pattern, outputs = spec.get("pathPattern") or "", spec.get("artifacts") or ()
    if not pattern:
        return [Request(output, {}) for output in outputs]
    alias, _, path = pattern.removeprefix("@").partition("/")
    if alias not in sources:
        raise BadPattern(f'pathPattern "{pattern}": source alias {alias} not found in local sources')
    try:
        names = _captures(path)
    except ValueError as error:
        raise BadPattern(f'pathPattern "{pattern}": {error}') from error
    expression = re.compile(
        "".join(f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(names))
    )
    found: list[Request] = []
    places: dict[str, str] = {}
    for folder in _folders(sources[alias]):
        fits = expression.fullmatch(folder)
        if fits is None:
            continue
        raw = fits.groupdict()
        labels = {name: value.lower() for name, value in raw.items()}
        for name, value in labels.items():
            if not _LABEL_VALUE.fullmatch(value):
                raise BadPattern(
                    f'pathPattern "{pattern}": captured value "{raw[name]}" for variable "{name}" is not a valid '
                    "Kubernetes label value"
                )
        for output in outputs:
            request = _rendered(pattern, folder, output, raw, labels)
            name = request.output["name"]
            if not _OBJECT_NAME.fullmatch(name):
                raise BadPattern(
                    f'pathPattern "{pattern}": rendered artifact name "{name}" is not a valid Kubernetes object name'
                )
            if name in places:
                raise BadPattern(
                    f'pathPattern "{pattern}": directories "{places[name]}" and "{folder}" both resolve to artifact name "{name}"'
                )
            places[name] = folder
            found.append(request)
    return found


def _captures(text: str) -> list[str]:
    """Literal parts and, at every second place, names between braces."""
    parts: list[str] = []
    at = 0
    seen: set[str] = set()
    while True:
        start = text.find("{", at)
        stray = text.find("}", at, start if start >= 0 else len(text))
        if stray >= 0:
            raise ValueError(f"invalid capture ending at offset {stray}: missing opening brace")
        if start < 0:
            return [*parts, text[at:]]
        end = text.find("}", start)
        if end < 0:
            raise ValueError(f"invalid capture starting at offset {start}: missing closing brace")
        name = text[start + 1 : end]
        if not name:
            raise ValueError("empty capture variable")
        if not _CAPTURE.fullmatch(name):
            raise ValueError(
                f'capture variable "{name}" must be a valid capture name matching [A-Za-z_][A-Za-z0-9_]*'
            )
        if name in seen:
            raise ValueError(f'duplicate capture variable "{name}"')
        seen.add(name)
        parts += [text[at:start], name]
        at = end + 1


def _rendered(
    pattern: str, folder: str, output: Mapping[str, Any], raw: Mapping[str, str], labels: Mapping[str, str]
) -> Request:
    try:
        name = _filled(output["name"], labels)
        copies = [
            {**copy, "from": _filled(copy["from"], raw), "to": _filled(copy["to"], raw)}
            for copy in output["copy"]
        ]
    except ValueError as error:
        raise BadPattern(
            f'pathPattern "{pattern}": failed to render artifact {output["name"]} for match {folder}: {error}'
        ) from error
    return Request({**output, "name": name, "copy": copies}, labels)


def _filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its placeholders filled in; the same one may stand in it more than once."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise ValueError(
                f'invalid template "{template}": capture variable "{name}" is not defined by pathPattern'
            )
        return values[name]

    made = re.sub(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", value, template)
    if re.search(r"[{}]", re.sub(r"\{[A-Za-z_][A-Za-z0-9_]*\}", "", template)):
        raise ValueError(f'invalid template "{template}": a brace has no counterpart')
    return made


def _folders(files: Files) -> list[str]:
    """All directories of some files, in the order in which a walk comes to them."""
    found = {parent for path in files for parent in _parents(path)}
    return sorted(found, key=lambda path: path.split("/"))


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


# --- what goes into one -----------------------------------------------------------------------------------------


def copied(copies: Sequence[Mapping[str, Any]], sources: Mapping[str, Files]) -> dict[str, bytes]:
    """The files of an artifact; its path -> content.

    Raises:
        CopyFailed: an operation finds nothing, or what it finds cannot be merged or extracted.
    """
    staged: dict[str, bytes] = {}
    for copy in copies:
        try:
            _copy(copy, sources, staged)
        except ValueError as error:
            raise CopyFailed(
                f"failed to apply copy operations: failed to apply copy operation from '{copy['from']}' to "
                f"'{copy['to']}': {error}"
            ) from error
    return staged


def _copy(copy: Mapping[str, Any], sources: Mapping[str, Files], staged: dict[str, bytes]) -> None:
    alias, _, pattern = copy["from"].removeprefix("@").partition("/")
    if alias not in sources:
        raise ValueError(f"source alias '{alias}' not found")
    files, to = sources[alias], copy["to"].removeprefix(_ARTIFACT)
    if not _is_glob(pattern):
        _copy_one(copy, files, posixpath.normpath(pattern or "."), to, staged)
        return
    extracts, excluded = copy.get("strategy") == "Extract", copy.get("exclude") or ()
    fits = _glob(pattern, deep=extracts)
    places = sorted({*files, *_folders(files)}, key=lambda path: path.split("/"))
    matches = [place for place in places if fits.fullmatch(place)]
    if not matches:
        raise ValueError(f"no files match pattern '{pattern}' in source '{alias}'")
    base = _literal_root(pattern)
    chosen = [match for match in matches if not _is_excluded(match, base, excluded)]
    if not chosen:
        raise ValueError(f"all files matching pattern '{pattern}' in source '{alias}' were excluded")
    for match in chosen:
        if not extracts:
            _put(copy, files, match, _destination(pattern, match, to), base, staged)
        elif match.lower().endswith(_TARBALLS) and match in files:
            staged.update(_extracted(files[match], match, to))


def _copy_one(copy: Mapping[str, Any], files: Files, source: str, to: str, staged: dict[str, bytes]) -> None:
    """A file or a directory by its path, as ``cp`` would."""
    extracts = copy.get("strategy") == "Extract"
    if source not in files:
        if source != "." and source not in _folders(files):
            raise ValueError(f"source '{source}' does not exist")
        if extracts:
            raise ValueError(f"extract strategy is not supported for directories, got '{source}'")
        _put(copy, files, source, posixpath.join(to, posixpath.basename(source)), source, staged)
        return
    if _is_excluded(source, ".", copy.get("exclude") or ()):
        return
    if extracts:
        if not source.lower().endswith(_TARBALLS):
            raise ValueError(f"extract strategy requires tarball file (.tar.gz or .tgz), got '{source}'")
        staged.update(_extracted(files[source], source, to))
        return
    inside = copy["to"].endswith("/") or posixpath.normpath(to) in _folders(staged)
    _put(copy, files, source, posixpath.join(to, posixpath.basename(source)) if inside else to, ".", staged)


def _put(
    copy: Mapping[str, Any], files: Files, source: str, to: str, base: str, staged: dict[str, bytes]
) -> None:
    """One match: a file, merged where that is asked for, or a directory with all that is not excluded."""
    if source in files:
        place = posixpath.normpath(to)
        merges = copy.get("strategy") == "Merge" and place in staged
        staged[place] = _merged(staged[place], place, files[source], source) if merges else files[source]
        return
    above = "" if source == "." else f"{source}/"
    excluded = copy.get("exclude") or ()
    for path in sorted(files):
        if not path.startswith(above):
            continue
        inner = [above + part for part in _parents(path.removeprefix(above))]
        if not any(_is_excluded(each, base, excluded) for each in (*inner, path)):
            staged[posixpath.normpath(posixpath.join(to, path.removeprefix(above)))] = files[path]


def _destination(pattern: str, match: str, to: str) -> str:
    """``dir/**`` leaves the directory behind, any other pattern keeps the whole path."""
    folder = pattern.removesuffix("/**")
    if folder != pattern and match.startswith(f"{folder}/"):
        return posixpath.join(to, match.removeprefix(f"{folder}/"))
    return posixpath.join(to, match)


def _extracted(data: bytes, name: str, to: str) -> dict[str, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
            found: dict[str, bytes] = {}
            for member in archive.getmembers():
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[posixpath.normpath(posixpath.join(to, member.name))] = content.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ValueError(f'failed to extract tarball "{name}" to "{to}": {error}') from error
    if any(path.startswith(("../", "/")) for path in found):
        raise ValueError(f'failed to extract tarball "{name}" to "{to}": a path leaves the artifact')
    return found


def _merged(below: bytes, below_name: str, above: bytes, above_name: str) -> bytes:
    """Two YAML files as helm merges files of values: maps key by key, all else is replaced."""
    values = merge_values(_values(below, below_name), _values(above, above_name))
    return dump(values).encode()


def _values(data: bytes, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    try:
        for document in documents(data, name):
            if isinstance(document.value, dict):
                made = merge_values(made, document.value)
            elif document.value is not None:
                raise ValueError(f"cannot unmarshal YAML document: {name} holds no map")
    except ManifestError as error:
        raise ValueError(f"cannot unmarshal YAML document: {error}") from error
    return made


def merge_values(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged key by key; of anything else the upper one stays."""
    made = dict(below)
    for key, value in above.items():
        under = made.get(key)
        made[key] = (
            merge_values(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
        )
    return made


# --- patterns ---------------------------------------------------------------------------------------------------


def _is_glob(pattern: str) -> bool:
    return any(char in pattern for char in "*?[]")


def _literal_root(pattern: str) -> str:
    parts = []
    for part in posixpath.normpath(pattern).split("/"):
        if _is_glob(part):
            break
        parts.append(part)
    return "/".join(parts) or "."


def _is_excluded(path: str, base: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern fits the path, what of it lies below ``base``, or, without a slash in it, the name."""
    names = [path]
    if base != "." and path.startswith(f"{base}/"):
        names.append(path.removeprefix(f"{base}/"))
    for pattern in patterns:
        fits = _glob(pattern, deep=True)
        if any(fits.fullmatch(name) for name in names):
            return True
        if "/" not in pattern and fits.fullmatch(posixpath.basename(path)):
            return True
    return False


@lru_cache(maxsize=512)
def _glob(pattern: str, *, deep: bool) -> re.Pattern[str]:
    """Go's path.Match, where a star stays in its segment; ``deep``: doublestar's, with ``**`` and alternatives.

    Raises:
        ValueError: a bracket or brace is not closed.
    """
    segments = pattern.split("/")
    made = ""
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if deep and segment == "**":
            made += ".*" if last else "(?:.*/)?"
            continue
        made += _segment(pattern, segment, deep=deep) + ("" if last else "/")
    if deep and made.endswith("/.*"):
        made = made[:-3] + "(?:/.*)?"  # dir/** fits dir itself, too
    return re.compile(made)


def _segment(pattern: str, segment: str, *, deep: bool) -> str:
    made, at, braces = "", 0, 0
    while at < len(segment):
        char = segment[at]
        if char == "*":
            made += "[^/]*"
        elif char == "?":
            made += "[^/]"
        elif char == "[":
            end = segment.find("]", at + 2)
            if end < 0:
                raise ValueError(f"invalid glob pattern '{pattern}': syntax error in pattern")
            body = segment[at + 1 : end].replace("\\", "\\\\")
            made += "[" + ("^" + body[1:] if body[0] in "!^" else body) + "]"
            at = end
        elif char == "\\" and at + 1 < len(segment):
            at += 1
            made += re.escape(segment[at])
        elif deep and char == "{":
            braces, made = braces + 1, made + "(?:"
        elif braces and char == "}":
            braces, made = braces - 1, made + ")"
        else:
            made += "|" if braces and char == "," else re.escape(char)
        at += 1
    if braces:
        raise ValueError(f"invalid glob pattern '{pattern}': syntax error in pattern")
    return made
