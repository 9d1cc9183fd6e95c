"""What can happen at an instant, resolved: each short form that a timeline entry may use stands for one of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kcsim.scenario.model.charts import Publication
from kcsim.scenario.model.git import Commit, Edit, ForcePush, Merge, MergeRequest, Redelivery, Revert, Tag
from kcsim.scenario.model.images import Image
from kcsim.scenario.model.registry import Signing, Upload


@dataclass(frozen=True)
class Kubectl:
    """A person types a kubectl command line (without the word kubectl)."""

    line: str
    user: str
    edit: Edit | None = None


@dataclass(frozen=True)
class Apply:
    """A person runs kubectl apply -f on this manifest text."""

    manifest: str
    user: str


@dataclass(frozen=True)
class FluxCommand:
    """A person types a flux command line (without the word flux)."""

    line: str
    user: str


@dataclass(frozen=True)
class ArgocdCommand:
    """A person types an argocd command line (without the word argocd)."""

    line: str
    user: str


@dataclass(frozen=True)
class Rerun:
    """A person runs a pipeline again."""

    which: int | Literal["failed", "latest"]
    user: str


@dataclass(frozen=True)
class Fault:
    """Something breaks: a kind of `kcsim.scenario.faults.FAULTS`, the fields beside it; `duration` in µs, None: for good."""

    kind: str
    fields: Mapping[str, Any]
    duration: int | None


GitAction = Commit | Revert | MergeRequest | Merge | Tag | ForcePush | Redelivery
"""What happens in a repository."""
Action = (
    GitAction
    | Rerun
    | Upload
    | Signing
    | Publication
    | Kubectl
    | Apply
    | FluxCommand
    | ArgocdCommand
    | Fault
    | Image
)
"""What happens at an instant; an `Image` replaces that image's behaviour for containers started from then on."""
