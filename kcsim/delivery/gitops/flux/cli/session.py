"""One flux invocation: its flags, its connection, the kinds it knows, and what it prints.

**Imitates:** flux2 2.9 cmd/flux/main.go and internal/utils: results to stdout, progress and failures to stderr with the
marks of its logger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kcsim.api.client import Client
from kcsim.delivery.gitops.flux.toolkit import (
    ALERTS,
    ARTIFACT_GENERATORS,
    BUCKETS,
    EXTERNAL_ARTIFACTS,
    GIT_REPOSITORIES,
    HELM_CHARTS,
    HELM_RELEASES,
    HELM_REPOSITORIES,
    IMAGE_POLICIES,
    IMAGE_REPOSITORIES,
    IMAGE_UPDATES,
    KUSTOMIZATIONS,
    OCI_REPOSITORIES,
    PROVIDERS,
    RECEIVERS,
)
from kcsim.delivery.gitops.pflags import Arguments
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.clock import MINUTE, SECOND, seconds
from kcsim.kubectl.session import Outcome

POLL = 2 * SECOND
TIMEOUT = 5 * MINUTE


class FluxError(Exception):
    """Ends the command with exit code 1; the message is printed after a cross."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that commands act on: its name, how sentences call it, its resource, and the words for it."""

    kind: str
    human: str
    resource: str


KUSTOMIZATION = Kind("Kustomization", "kustomization", KUSTOMIZATIONS)
GIT_REPOSITORY = Kind("GitRepository", "source git", GIT_REPOSITORIES)
OCI_REPOSITORY = Kind("OCIRepository", "source oci", OCI_REPOSITORIES)
BUCKET = Kind("Bucket", "source bucket", BUCKETS)
HELM_REPOSITORY = Kind("HelmRepository", "source helm", HELM_REPOSITORIES)
HELM_CHART = Kind("HelmChart", "source chart", HELM_CHARTS)
EXTERNAL_ARTIFACT = Kind("ExternalArtifact", "source external", EXTERNAL_ARTIFACTS)
ARTIFACT_GENERATOR = Kind("ArtifactGenerator", "artifact generator", ARTIFACT_GENERATORS)
HELM_RELEASE = Kind("HelmRelease", "helmrelease", HELM_RELEASES)
IMAGE_REPOSITORY = Kind("ImageRepository", "image repository", IMAGE_REPOSITORIES)
IMAGE_POLICY = Kind("ImagePolicy", "image policy", IMAGE_POLICIES)
IMAGE_UPDATE = Kind("ImageUpdateAutomation", "image update", IMAGE_UPDATES)
RECEIVER = Kind("Receiver", "receiver", RECEIVERS)
ALERT = Kind("Alert", "alert", ALERTS)
ALERT_PROVIDER = Kind("Provider", "alert provider", PROVIDERS)
SOURCE_KINDS = {
    "git": GIT_REPOSITORY,
    "oci": OCI_REPOSITORY,
    "bucket": BUCKET,
    "helm": HELM_REPOSITORY,
    "chart": HELM_CHART,
    "external": EXTERNAL_ARTIFACT,
}
ARTIFACT_KINDS = {"generator": ARTIFACT_GENERATOR}
IMAGE_KINDS = {"repository": IMAGE_REPOSITORY, "policy": IMAGE_POLICY, "update": IMAGE_UPDATE}
OTHER_KINDS = {"receiver": RECEIVER, "alert": ALERT, "alert-provider": ALERT_PROVIDER}
"""Kinds by the words of command lines."""


@dataclass
class Session:
    """What a command works with.

    Attributes:
        client: the connection, as somebody, from somewhere.
        namespace: where Flux's objects are when no -n is given.
        files: a local checkout: what --path of ``diff`` and ``push`` may name.
        registry: what ``push`` pushes to.
    """

    client: Client
    arguments: Arguments
    namespace: str
    files: Mapping[str, bytes]
    registry: Registry | None = None
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    exit_code: int = 0

    @property
    def timeout(self) -> int:
        """How long (µs) the command may wait.

        Raises:
            FluxError: --timeout is no duration.
        """
        text = self.arguments.get("timeout")
        if not text:
            return TIMEOUT
        try:
            return seconds(text)
        except ValueError as error:
            raise FluxError(f'invalid argument "{text}" for "--timeout" flag: {error}') from None

    def print(self, line: str) -> None:
        """A line of results."""
        self.out.append(f"{line}\n")

    def action(self, line: str) -> None:
        """Something begins."""
        self.err.append(f"► {line}\n")

    def success(self, line: str) -> None:
        """Something worked."""
        self.err.append(f"✔ {line}\n")

    def waiting(self, line: str) -> None:
        """Something is waited for."""
        self.err.append(f"◎ {line}\n")

    def failure(self, line: str) -> None:
        """Something did not work; the command may go on."""
        self.err.append(f"✗ {line}\n")

    def outcome(self) -> Outcome:
        """What the command left behind."""
        return Outcome(self.exit_code, "".join(self.out), "".join(self.err))

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under headers, columns set apart by tabs as flux does."""
        shown = [] if self.arguments.on("no-header") else [[h.upper() for h in headers]]
        shown += [list(row) for row in rows]
        widths = [max(len(row[i]) for row in shown) for i in range(len(headers))]
        for row in shown:
            padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.print("\t".join(padded).rstrip())


_HEX = re.compile(r"\b[a-f0-9]{40,128}\b")


def short(text: str) -> str:
    """The text with long hexadecimal numbers cut to eight digits."""
    return _HEX.sub(lambda found: found[0][:8], text)
