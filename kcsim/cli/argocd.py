"""`kcsim argocd`: types one argocd command in the world of a story or of a recorded run.

**Walk:** options -> a world, played to an instant -> the cluster with Argo CD in it -> the command, which lets virtual time
pass while it waits -> stdout, stderr and the exit code are argocd's. The world is gone afterwards.
"""

from typing import TYPE_CHECKING

import click

from kcsim.cli.console import Console
from kcsim.cli.kubectl import first_of, played
from kcsim.cli.options import gitops_options
from kcsim.cli.problems import BadInput, refused

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.kubectl.session import Outcome
    from kcsim.scenario.play import Play


@click.command(
    "argocd",
    short_help="Type an argocd command in the world of a story.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@gitops_options("argocd")
@click.argument("words", metavar="-- ARGS...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def command(
    console: Console,
    scenario: str,
    delivery: str | None,
    at: str | None,
    seed: int | None,
    user: str | None,
    words: tuple[str, ...],
) -> int:
    """Play a world to an instant, and type one argocd command in it.

    Prints what `argocd --core` prints; the exit code is argocd's (2 also for what kcsim itself cannot use). What the command
    changes is gone with the world when it ends: to see what follows from a change, write it into the timeline of a story.

    \b
    kcsim argocd --scenario drift-at-night -- app list
    kcsim argocd --scenario drift-at-night --at 30m -- app get shop
    kcsim argocd --scenario out/argocd -- app history shop
    """
    from kcsim.delivery.gitops.argocd.cli import check
    from kcsim.scenario.model import ArgoCD

    wrong = check(words)
    if wrong is not None:
        raise refused(wrong, "Write: app list.")
    play = played(console, scenario, delivery or first_of(scenario, ArgoCD), at, seed)
    outcome = _typed(play, words, user)
    console.write(outcome.stdout)
    console.say_text(outcome.stderr)
    return outcome.exit_code


def _typed(play: "Play", words: tuple[str, ...], user: str | None) -> "Outcome":
    from kcsim.api.request import ADMIN, person
    from kcsim.delivery.gitops.argocd.cli import argocd
    from kcsim.engine.task import run_now
    from kcsim.scenario.hub import comparisons
    from kcsim.scenario.model import ArgoCD
    from kcsim.scenario.staging import cluster_name

    way = play.scenario.deliveries.get(play.delivery)
    if not isinstance(way, ArgoCD):
        known = [name for name, each in play.scenario.deliveries.items() if isinstance(each, ArgoCD)]
        remedy = (
            f"Name one: --delivery {known[0]}." if known else "Add a delivery of type argocd to the story."
        )
        raise BadInput(f"the world of '{play.delivery or 'no delivery'}' has no Argo CD", remedy)
    cluster = play.world.clusters[cluster_name(play.scenario, way.hub)]
    who = person(user) if user else ADMIN
    known_by = comparisons(play.world, cluster, way.namespace)
    steps = argocd(cluster.direct(who, "argocd"), words, namespace=way.namespace, comparisons=known_by)
    with play.engine.because(play.engine.note(who.name, "argocd", " ".join(words))):
        outcome: Outcome = run_now(play.engine, steps)
    return outcome
