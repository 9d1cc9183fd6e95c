"""Options that several commands have in common."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from kcsim.cli.arguments import DeliveryName, Duration, OrderName, ScenarioName, Seed

Command = TypeVar("Command", bound=Callable[..., Any])


def story_options(command: Command) -> Command:
    """What changes a story on its way in: --delivery, --seed, --until, --set."""
    for option in reversed(
        (
            click.option(
                "-d",
                "--delivery",
                "deliveries",
                metavar="NAME",
                multiple=True,
                type=DeliveryName(),
                help="Only the world of this delivery (push, flux, argocd); may be given several times.",
            ),
            click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice."),
            click.option(
                "--until", metavar="TIME", type=Duration(), help='End the story then: "30m", in virtual time.'
            ),
            click.option(
                "--set",
                "settings",
                metavar="KEY=VALUE",
                multiple=True,
                help="Change a field of the scenario: cluster.nodes=5; may be given several times.",
            ),
        )
    ):
        command = option(command)
    return command


def chaos_options(command: Command) -> Command:
    """What looks for trouble: --chaos, --order."""
    for option in reversed(
        (
            click.option(
                "--chaos",
                metavar="N",
                type=Seed(),
                help="Put a random schedule of faults, drawn from this seed, into the story, and a quiet time after it.",
            ),
            click.option(
                "--order",
                metavar="ORDER",
                type=OrderName(),
                help="In what order the events of one instant happen: fifo, random, pct:3, choices:0.2; @10ms makes "
                "instants that coarse.",
            ),
        )
    ):
        command = option(command)
    return command


def gitops_options(kind: str) -> Callable[[Command], Command]:
    """Where a command of a delivery's own is typed, by whom and when: --scenario, --delivery, --at, --seed, --as."""

    def decorated(command: Command) -> Command:
        for option in reversed(
            (
                click.option(
                    "--scenario",
                    metavar="SCENARIO",
                    type=ScenarioName(),
                    required=True,
                    help="The world of this story: a path, a gallery name, or a folder of `kcsim run --out`.",
                ),
                click.option(
                    "-d",
                    "--delivery",
                    metavar="NAME",
                    type=DeliveryName(),
                    help=f"The world of this delivery; the first one of type {kind} when left out.",
                ),
                click.option(
                    "--at",
                    metavar="TIME",
                    type=Duration(),
                    help="When the command is typed, in virtual time. Without: at the end of the story.",
                ),
                click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice."),
                click.option(
                    "--as", "user", metavar="USER", help="Who types; the administrator when left out."
                ),
            )
        ):
            command = option(command)
        return command

    return decorated


def with_order(settings: tuple[str, ...], order: str | None) -> tuple[str, ...]:
    """The settings with the order among them: it is a field of the scenario."""
    return settings if order is None else (*settings, f"order={order}")
