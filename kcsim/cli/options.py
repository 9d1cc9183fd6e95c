"""Options that several commands have in common."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from kcsim.cli.arguments import DeliveryName, Duration, Seed

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
                help="Only the world of this delivery (push, flux); may be given several times.",
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
