"""Charts, rendered by the ``helm`` binary of this machine, if one is there.

kcsim writes no template engine of its own: a chart is what helm makes of it. The binary is the one that ``KCSIM_HELM`` names, or
``helm`` on the PATH. It gets an empty home and no network, so that a chart's dependencies must lie in its ``charts`` folder.

**Imitates:** ``helm template`` as argo-cd's repo-server calls it (util/helm/cmd.go templateOpts). A chart that asks for the time or
for random texts gives other objects at each call; within one process the same question has one answer.

**Walk:** files, a ``Release`` -> ``arguments`` -> a folder of its own -> the binary -> its YAML -> objects; or ``HelmError`` with what
helm says, ``HelmMissing`` where there is none.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kcsim.api.objects import Object
from kcsim.manifests import ManifestError, documents

BINARY = "KCSIM_HELM"
"""The variable of the environment that names the binary."""
_SECONDS = 60
"""How long helm may take, in seconds of this machine."""
_answers: dict[str, list[Object]] = {}


class HelmError(Exception):
    """The chart cannot be rendered; the text is helm's."""


class HelmMissing(HelmError):
    """There is no helm on this machine."""

    def __init__(self) -> None:
        super().__init__(
            f"kcsim renders charts with the helm binary, and there is none on this machine (put helm on the PATH, or its "
            f"path into {BINARY})"
        )


@dataclass(frozen=True, slots=True)
class Release:
    """What a chart is rendered for.

    Attributes:
        values: YAML texts, the later ones win.
        value_files: paths in the repository, before ``values``.
        sets, set_strings: ``--set`` and ``--set-string``, as ``name=value``.
        set_files: ``--set-file``: name -> path in the repository.
        kube_version, api_versions: what the chart is told of the cluster.
    """

    name: str
    namespace: str
    values: tuple[str, ...] = ()
    value_files: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    set_strings: tuple[str, ...] = ()
    set_files: tuple[tuple[str, str], ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    crds: bool = True
    tests: bool = True


def binary() -> str | None:
    """The path of helm; None when there is none."""
    return shutil.which(os.environ.get(BINARY) or "helm")


def arguments(release: Release, root: Path, chart: Path, scratch: Path) -> list[str]:
    """The command line after ``helm``, texts of values written below ``scratch``."""
    line = ["template", release.name, str(chart), "--namespace", release.namespace]
    for path in release.value_files:
        line += ["--values", str(root / path)]
    for number, text in enumerate(release.values):
        file = scratch / f"values-{number}.yaml"
        file.write_text(text, "utf-8")
        line += ["--values", str(file)]
    for flag, given in (("--set", release.sets), ("--set-string", release.set_strings)):
        for each in given:
            line += [flag, each]
    for name, path in release.set_files:
        line += ["--set-file", f"{name}={root / path}"]
    if release.kube_version:
        line += ["--kube-version", release.kube_version]
    for version in release.api_versions:
        line += ["--api-versions", version]
    return [
        *line,
        "--include-crds" if release.crds else "--skip-crds",
        *([] if release.tests else ["--skip-tests"]),
    ]


def template(files: Mapping[str, bytes], chart: str, release: Release) -> list[Object]:
    """The objects of the chart in the folder ``chart`` of some files, in helm's order. Read-only.

    Raises:
        HelmMissing: there is no helm on this machine.
        HelmError: helm refuses, or writes what is no YAML.
    """
    found = binary()
    if found is None:
        raise HelmMissing
    question = _digest(files, chart, release, found)
    if question not in _answers:
        _answers[question] = _objects(_run(found, files, chart, release))
    return _answers[question]


def _digest(files: Mapping[str, bytes], chart: str, release: Release, found: str) -> str:
    whole = hashlib.sha256(f"{found}\0{chart}\0{release!r}".encode())
    for path in sorted(files):
        whole.update(f"\0{path}\0{len(files[path])}\0".encode())
        whole.update(files[path])
    return whole.hexdigest()


def _run(found: str, files: Mapping[str, bytes], chart: str, release: Release) -> str:
    with TemporaryDirectory() as temporary:
        root, scratch = Path(temporary, "repository"), Path(temporary, "scratch")
        scratch.mkdir()
        for path, data in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        line = arguments(release, root, root / posixpath.normpath(chart), scratch)
        home = {f"HELM_{kind}_HOME": str(scratch / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(scratch), **home}
        try:
            done = subprocess.run(  # noqa: S603 - the binary that the user put there, no shell
                [found, *line],
                env=environment,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HelmError(f"helm did not end within {_SECONDS} s") from None
        if done.returncode:
            told = done.stderr.replace(f"{root}/", "").replace(f"{scratch}/", "").strip()
            raise HelmError(f"failed exit status {done.returncode}: {told}")
        return done.stdout


def _objects(text: str) -> list[Object]:
    try:
        found: list[Any] = [document.value for document in documents(text, "helm template")]
    except ManifestError as error:
        raise HelmError(f"helm wrote what is no YAML: {error}") from error
    return [value for value in found if isinstance(value, dict) and value]
