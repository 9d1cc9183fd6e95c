"""`kcsim flux`: types one flux command in the world of a story or of a recorded run.

**Walk:** options -> a world, played to an instant -> the cluster with Flux in it -> the files that `--path` names are read -> the command,
which lets virtual time pass while it waits -> stdout, stderr and the exit code are flux's. The world is gone afterwards.
"""

from collections.abc import Mapping
from pathlib import Path
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
    "flux",
    short_help="Type a flux command in the world of a story.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@gitops_options("flux")
@click.option("--cluster", metavar="NAME", help="The cluster, when the story has several; else the first.")
@click.argument("words", metavar="-- ARGS...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def command(
    console: Console,
    scenario: str,
    delivery: str | None,
    at: str | None,
    seed: int | None,
    cluster: str | None,
    user: str | None,
    words: tuple[str, ...],
) -> int:
    """Play a world to an instant, and type one flux command in it.

    Prints what flux prints; the exit code is flux's (2 also for what kcsim itself cannot use). `--path` of `diff` and `push` is read from
    disk where there is such a folder, else from the newest commit of the story. What the command changes is gone with the world when
    it ends: to see what follows from a change, write it into the timeline of a story.

    \b
    kcsim flux --scenario drift-at-night -- get kustomizations
    kcsim flux --scenario drift-at-night --at 25m -- diff kustomization shop --path ./deploy
    kcsim flux --scenario out/flux -- trace deployment/web -n shop
    """
    from kcsim.delivery.gitops.flux.cli import check
    from kcsim.scenario.model import Flux

    wrong = check(words)
    if wrong is not None:
        raise refused(wrong, "Write: get kustomizations.")
    play = played(console, scenario, delivery or first_of(scenario, Flux), at, seed)
    outcome = _typed(play, words, user, cluster)
    console.write(outcome.stdout)
    console.say_text(outcome.stderr)
    return outcome.exit_code


def _typed(play: "Play", words: tuple[str, ...], user: str | None, cluster: str | None) -> "Outcome":
    from kcsim.api.request import ADMIN, person
    from kcsim.delivery.gitops.flux.cli import flux
    from kcsim.engine.task import run_now
    from kcsim.scenario.model import Flux
    from kcsim.scenario.staging import cluster_name

    way = play.scenario.deliveries.get(play.delivery)
    if not isinstance(way, Flux):
        known = [name for name, each in play.scenario.deliveries.items() if isinstance(each, Flux)]
        remedy = f"Name one: --delivery {known[0]}." if known else "Add a delivery of type flux to the story."
        raise BadInput(f"the world of '{play.delivery or 'no delivery'}' has no Flux", remedy)
    names = [each.name for each in play.scenario.all_clusters()]
    if cluster is not None and cluster not in names:
        raise BadInput(f"there is no cluster '{cluster}'", f"clusters: {', '.join(names)}")
    home = play.world.clusters[
        cluster_name(play.scenario, cluster or way.hub or next(iter(way.clusters), None))
    ]
    who = person(user) if user else ADMIN
    line, files = _checkout(play, words)
    steps = flux(
        home.direct(who, "flux"),
        line,
        namespace=way.namespace,
        files=files,
        registry=play.world.registry,
    )
    with play.engine.because(play.engine.note(who.name, "flux", " ".join(words))):
        outcome: Outcome = run_now(play.engine, steps)
    return outcome


def _checkout(play: "Play", words: tuple[str, ...]) -> tuple[list[str], Mapping[str, bytes]]:
    """The command, and the checkout that its `--path` is in: what lies on disk there, else the newest commit of the story's first repository.

    On disk the checkout is the repository around the folder, for a kustomization may lead out of the folder.
    """
    from kcsim.delivery.gitops.flux.cli.flags import FLAGS

    given = FLAGS.parse(words).get("path")
    place = Path(given)
    if given and place.exists():
        place = place.resolve()
        root = next((each for each in (place, *place.parents) if (each / ".git").exists()), place)
        root = root.parent if root.is_file() else root
        inside = (each for each in sorted(root.rglob("*")) if each.is_file())
        found = {each.relative_to(root): each for each in inside}
        files = {
            name.as_posix(): each.read_bytes() for name, each in found.items() if ".git" not in name.parts
        }
        path = place.relative_to(root).as_posix()
        return [path if word == given else word.replace(f"={given}", f"={path}") for word in words], files
    source = next(iter(play.scenario.repositories), None)
    if source is None:
        return list(words), {}
    repository = play.world.git.repository(source.name)
    return list(words), repository.files(repository.head(play.source(source.name).branch).sha)
