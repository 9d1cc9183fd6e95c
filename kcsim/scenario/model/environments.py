"""Environments and promotions, as a scenario file writes them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from kcsim.engine.clock import MINUTE
from kcsim.scenario.model.git import Reviewer
from kcsim.scenario.model.part import Part, Spread
from kcsim.scenario.values import Duration, Name, NamespaceName


@dataclass(frozen=True, kw_only=True)
class Freeze(Part):
    """A stretch in which nothing is promoted to an environment."""

    from_: Annotated[Duration, "When it begins."]
    until: Annotated[Duration | None, "When it ends; left out: never."] = None


@dataclass(frozen=True, kw_only=True)
class Environment(Part):
    """dev, staging, production: a folder of the repository, and where it goes."""

    name: Annotated[Name, "Its name, and that of its Kustomization or Application."]
    path: Annotated[str, "The folder of the repository that says what runs there."]
    cluster: Annotated[Name | None, "Its cluster; the first when left out."] = None
    namespace: Annotated[
        NamespaceName | None,
        "Where objects go that name no namespace; made when it is not there. Left out: they name one.",
    ] = None
    freezes: Annotated[tuple[Freeze, ...], "Stretches in which nothing is promoted to it."] = ()


@dataclass(frozen=True, kw_only=True)
class Approval(Part):
    """Somebody has to say yes."""

    by: Annotated[Name, "Who."] = "lead"
    takes: Annotated[Duration | Spread, "From being asked until they say so."] = 30 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Promotion(Part):
    """What runs well in one environment goes on to the next: the same files, in a commit to its folder."""

    from_: Annotated[Name, "The environment that has the version."]
    to: Annotated[Name, "The environment that gets it."]
    files: Annotated[tuple[str, ...], "What is carried over, relative to both folders: version.yaml."]
    tag: Annotated[
        str,
        "A git tag of this pattern asks for it: v*. Left out: that `from` is healthy with the version does.",
    ] = ""
    healthy_for: Annotated[Duration, "How long `from` has to be healthy with it, without a break."] = 0
    approval: Annotated[Approval | None, "A manual approval, asked for then."] = None
    via: Annotated[Literal["commit", "mergeRequest"], "A commit to the branch, or a merge request."] = (
        "commit"
    )
    reviewers: Annotated[tuple[Reviewer | str, ...], "Who reviews the merge request."] = ()
    author: Annotated[str, "Who commits."] = "promoter"
