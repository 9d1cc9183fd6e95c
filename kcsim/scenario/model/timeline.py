"""The timeline: what happens when. An entry says one thing that happens; `TimelineEntry.action` resolves which."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Literal

from kcsim.scenario.model.actions import (
    Action,
    Apply,
    ArgocdCommand,
    Fault,
    FluxCommand,
    GitAction,
    Kubectl,
    Rerun,
)
from kcsim.scenario.model.charts import Publication
from kcsim.scenario.model.fault_fields import FaultFields
from kcsim.scenario.model.git import Commit, Edit, ForcePush, Merge, MergeRequest, Redelivery, Revert, Tag
from kcsim.scenario.model.images import Image
from kcsim.scenario.model.part import Part
from kcsim.scenario.model.registry import Signing, Upload
from kcsim.scenario.values import Count, Duration, Name

FAULT_FIELDS = tuple(each.name for each in dataclasses.fields(FaultFields))
"""The fields of a timeline entry that go with `fault`."""
GIT_ACTIONS = ("commit", "revert", "mergeRequest", "merge", "tag", "forcePush", "redeliver")
"""The actions that happen in a repository, by their keys."""
ACTIONS = (
    *GIT_ACTIONS,
    "rerun",
    "upload",
    "sign",
    "publish",
    "kubectl",
    "apply",
    "flux",
    "argocd",
    "image",
    "fault",
)
"""The fields of a timeline entry of which it has exactly one."""
_ATTRIBUTES = {"mergeRequest": "merge_request", "forcePush": "force_push"}


@dataclass(frozen=True, kw_only=True)
class Moment(Part):
    """When something happens, where, and what: all fields of a timeline entry but those of a fault."""

    at: Annotated[Duration, "When, from the start of the run."]
    name: Annotated[Name | None, "A name by which expectations and reverts refer to it."] = None
    note: Annotated[str, "Why it happens; shown in the timeline."] = ""
    deliveries: Annotated[
        tuple[str, ...], "Happens in the worlds of these deliveries only; in all when left out."
    ] = ()
    cluster: Annotated[Name | None, "Cluster it happens to; the first when left out."] = None
    commit: Annotated[Commit | None, "A commit."] = None
    revert: Annotated[Revert | None, "A git revert."] = None
    merge_request: Annotated[MergeRequest | None, "A merge request is opened."] = None
    merge: Annotated[Merge | str | None, "A merge request, or a branch, is merged."] = None
    tag: Annotated[Tag | str | None, "The head of the delivered branch, or another commit, is tagged."] = None
    force_push: Annotated[ForcePush | None, "A branch is pointed at another commit."] = None
    redeliver: Annotated[
        Name | None,
        "The git host sends the webhooks of this repository again that got lost: somebody asks it to.",
    ] = None
    rerun: Annotated[
        Count | Literal["failed", "latest"] | None,
        "Somebody runs a pipeline again, for the same commit: the last run that failed, the last one, or one by its number, "
        "from 1 on through all pipelines.",
    ] = None
    upload: Annotated[Upload | None, "Objects of a bucket are written."] = None
    sign: Annotated[Signing | None, "An artifact in the registry is signed."] = None
    publish: Annotated[Publication | None, "A new version of a chart appears in its repository."] = None
    kubectl: Annotated[str | None, "A kubectl command line, without the word kubectl."] = None
    edit: Annotated[
        Edit | None, "What is changed in the editor that `kubectl: edit ...` opens: {replace: {old: new}}."
    ] = None
    apply: Annotated[str | None, "A manifest that a person applies by hand."] = None
    flux: Annotated[str | None, "A flux command line, without the word flux: suspend kustomization shop."] = (
        None
    )
    argocd: Annotated[str | None, "An argocd command line, without the word argocd: app sync shop."] = None
    as_: Annotated[str, "Who types the command."] = "dana"
    image: Annotated[
        Image | None, "An image's behaviour from now on, whole: what is not written is the default."
    ] = None
    fault: Annotated[
        str | None, "A fault, with its fields beside it: {fault: node-crash, node: node-2, for: 10m}."
    ] = None


@dataclass(frozen=True, kw_only=True)
class TimelineEntry(FaultFields, Moment):
    """One thing that happens, in every delivery's world alike."""

    for_: Annotated[Duration | None, "How long the fault lasts; left out: for good."] = None
    until: Annotated[
        Duration | None, "When the fault ends, in place of `for`: from the start of the run."
    ] = None

    def action_names(self) -> tuple[str, ...]:
        """The action fields written; a valid entry has one."""
        return tuple(name for name in ACTIONS if getattr(self, _ATTRIBUTES.get(name, name)) is not None)

    @property
    def git_action(self) -> GitAction | None:
        """What happens in a repository, if anything does."""
        short = self.merge or self.tag
        if isinstance(short, str):
            made = Merge(branch=short) if self.merge is not None else Tag(name=short)
            return dataclasses.replace(made, source=self.source)
        if self.redeliver is not None:
            return Redelivery(repository=self.redeliver, author=self.as_, source=self.source)
        return self.commit or self.revert or self.merge_request or short or self.force_push

    @property
    def action(self) -> Action:
        """The one thing that happens.

        Raises:
            ValueError: when the entry has no action (the check reports such entries).
        """
        whole = self.git_action or self.image or self.upload or self.sign or self.publish
        if whole is not None:
            return whole
        if self.rerun is not None:
            return Rerun(self.rerun, self.as_)
        if self.kubectl is not None:
            return Kubectl(self.kubectl, self.as_, self.edit)
        if self.apply is not None:
            return Apply(self.apply, self.as_)
        if self.flux is not None:
            return FluxCommand(self.flux, self.as_)
        if self.argocd is not None:
            return ArgocdCommand(self.argocd, self.as_)
        if self.fault is not None:
            written = {name: getattr(self, name) for name in FAULT_FIELDS}
            lasts = self.for_ if self.until is None else self.until - self.at
            return Fault(self.fault, {k: v for k, v in written.items() if v is not None}, lasts)
        raise ValueError(f"a timeline entry needs one of {', '.join(ACTIONS)}")
