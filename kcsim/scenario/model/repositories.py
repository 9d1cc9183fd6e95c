"""Git repositories as a scenario writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from kcsim.engine.clock import MINUTE
from kcsim.scenario.model.git import Protection
from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Count, Duration, Name


@dataclass(frozen=True, kw_only=True)
class Repository(Part):
    """A git repository: files written here, a folder on disk, or an existing repository whose history is replayed."""

    name: Annotated[Name, "The repository's name."]
    branch: Annotated[
        str | None, "The branch that is delivered; main, or with `clone` the one checked out."
    ] = None
    path: Annotated[
        str | None,
        "The folder that holds the manifests; the root, or with `clone` the folders that hold any. Deliveries look there "
        "unless they say otherwise.",
    ] = None
    author: Annotated[str, "Who wrote the first commit."] = "dana"
    message: Annotated[str, "Message of the first commit."] = "Initial commit"
    files: Annotated[Mapping[str, str], "Files of the first commit: path -> text."] = field(
        default_factory=dict
    )
    from_: Annotated[str | None, "A folder of plain files for the first commit, relative to this file."] = (
        None
    )
    clone: Annotated[
        str | None, "An existing git repository on disk; its commits that touch `path` are replayed."
    ] = None
    pace: Annotated[
        Duration | None, "With `clone`: one commit every so long, instead of at their real intervals."
    ] = None
    base: Annotated[
        str | None,
        "With `clone`: a revision to begin with; `head` is merged into it as one merge request, in place of a history.",
    ] = None
    head: Annotated[
        str | None,
        "With `clone`: the revision that is merged, or with which the history ends; what is checked out.",
    ] = None
    urls: Annotated[
        tuple[str, ...], "Further addresses under which it is cloned, as objects in it name them."
    ] = ()
    protection: Annotated[
        tuple[Protection, ...], "Protected branches: the first rule that covers one counts."
    ] = ()
    broken_on_purpose: Annotated[
        bool,
        "Its manifests are wrong, or have two owners, because the story wants it so: they are not checked.",
    ] = False
    signed_by: Annotated[str, "Public key of who signed the commits that it brings along."] = ""
    merges_signed_by: Annotated[
        str, "Public key of the git host, which signs merge commits and squashed ones; left out: it does not."
    ] = ""
    webhook_retries: Annotated[
        Count, "How often a webhook that failed is sent again; GitHub and GitLab never do."
    ] = 0
    webhook_backoff: Annotated[Duration, "The wait before it is; it doubles each time."] = MINUTE
