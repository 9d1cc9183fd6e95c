"""flux push artifact: files of a checkout go to a registry, for an OCIRepository to fetch.

**Imitates:** flux2 2.9 cmd/flux/push_artifact.go. Left out: credentials, signing, ``--annotations``, ``--output``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux.cli.session import FluxError, Kind, Session
from kcsim.delivery.gitops.flux.ignore import packed
from kcsim.delivery.registry.artifacts import artifact_of
from kcsim.delivery.registry.reference import InvalidReference, parse
from kcsim.delivery.registry.registry import Image, RegistryUnavailable
from kcsim.engine.task import Steps

_PREFIX = "oci://"


def push(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Push the files of --path under the tag of the URL."""
    del kinds
    given, registry = session.arguments, session.registry
    if not session.arguments.words:
        raise FluxError("artifact URL is required")
    url = session.arguments.words[0]
    for flag in ("path", "source", "revision"):
        if not given.get(flag):
            raise FluxError(f"--{flag} is required")
    if not url.startswith(_PREFIX):
        raise FluxError("URL must be in format 'oci://<domain>/<org>/<repo>:<tag>'")
    if registry is None:
        raise FluxError("there is no registry to push to")
    try:
        reference = parse(url.removeprefix(_PREFIX))
    except InvalidReference as error:
        raise FluxError(str(error)) from error
    files = packed(_below(session.files, given.get("path")), given.get("ignore-paths") or None)
    artifact = artifact_of(files, source=given.get("source"), revision=given.get("revision"))
    session.action(f"pushing artifact to {reference}")
    size = sum(len(data) for data in files.values())
    upload = registry.upload(
        session.client.host, f"{reference}", artifact, size=size, content=artifact.content
    )
    try:
        image: Image = yield upload
    except (RegistryUnavailable, Unreachable) as error:
        raise FluxError(f"pushing artifact failed: {error}") from error
    session.success(f"artifact successfully pushed to {reference.name}@{image.digest}")


def _below(files: Mapping[str, bytes], path: str) -> dict[str, bytes]:
    """The files of a directory, or one file, by their paths in the artifact."""
    root = posixpath.normpath(path)
    if root in files:
        return {posixpath.basename(root): files[root]}
    prefix = "" if root == "." else f"{root}/"
    found = {name.removeprefix(prefix): data for name, data in files.items() if name.startswith(prefix)}
    if not found:
        raise FluxError(
            f"invalid path '{path}', must point to an existing directory or file: "
            f"stat {path}: no such file or directory"
        )
    return found
