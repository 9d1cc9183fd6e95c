"""Environments and promotions of a scenario on its world.

**Walk:** a delivery makes its objects, one an environment (push.py, pull.py, hub.py) -> `install_promotions`: a `Promoter`
in the cluster of each promotion's source, which commits through the story's `Authors`.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from kcsim.delivery.promotion.plan import Promotion as Plan
from kcsim.delivery.promotion.promoter import Promoter
from kcsim.scenario.authors import Authors, Story
from kcsim.scenario.model import Approval, Commit, MergeRequest, Promotion
from kcsim.scenario.spreads import duration
from kcsim.scenario.staging import Source, cluster_name

if TYPE_CHECKING:
    from kcsim.scenario.play import Play


def install_promotions(play: "Play", authors: Authors, source: Source) -> None:
    """A promoter for each promotion of the scenario, as `authors` commit to the repository of `source`."""
    scenario = play.scenario
    environments = {each.name: each for each in scenario.environments}
    for promotion in scenario.promotion:
        begin, end = environments[promotion.from_], environments[promotion.to]
        approval = promotion.approval
        plan = Plan(
            begin.name,
            end.name,
            begin.path.strip("/") or ".",
            end.path.strip("/") or ".",
            begin.namespace or "default",
            promotion.files,
            promotion.tag,
            promotion.healthy_for,
            approval.by if approval is not None else "",
            tuple((freeze.from_, freeze.until) for freeze in end.freezes),
        )
        carry = _Carrying(play, authors, source, promotion)
        takes = duration((approval or Approval()).takes)
        home = play.world.clusters[cluster_name(scenario, begin.cluster)]
        home.add_controller(
            partial(Promoter, plan, play.world.git, source.repository.name, source.branch, takes, carry),
            name=f"promoter-{begin.name}-to-{end.name}",
            namespace="kube-system",
        )


class _Carrying:
    """Commits what is promoted, or opens a merge request."""

    def __init__(self, play: "Play", authors: Authors, source: Source, promotion: Promotion) -> None:
        self._play = play
        self._authors = authors
        self._source = source
        self._promotion = promotion
        self._count = 0

    def __call__(self, plan: Plan, files: Mapping[str, bytes | None], why: str) -> None:
        promotion = self._promotion
        written = {path: data.decode("utf-8", "replace") for path, data in files.items() if data is not None}
        story = Story("", {"promotion": f"{plan.source} to {plan.target}"}, lambda: None)
        if promotion.via == "commit":
            self._authors.commit(
                self._source, Commit(author=promotion.author, message=why, files=written), story
            )
            return
        self._count += 1
        request = MergeRequest(
            author=promotion.author,
            message=why,
            files=written,
            branch=f"promote-{plan.source}-to-{plan.target}-{self._count}",
            reviewers=promotion.reviewers,
        )
        self._authors.ask(self._source, request, story)
