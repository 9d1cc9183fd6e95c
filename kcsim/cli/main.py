"""The `kcsim` command: finds the command, runs it, and turns every outcome into an exit code.

**Walk:** arguments -> click -> the command's function, which gives an `Exit` -> text on stdout, remarks on stderr.
Commands live in modules of their own and import what they need when they run: `kcsim --help` loads click and nothing
of the simulator. What can go wrong is told here and nowhere else.
"""

# ruff: noqa: ARG002 - click calls these methods with more than they need

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from errno import ENOSPC
from importlib import import_module

import click
from click.shell_completion import shell_complete

from kcsim.cli.console import Console, OutputLostError, silence
from kcsim.cli.exits import Exit, table
from kcsim.cli.problems import BadInput, tell, tell_defect, tell_diagnostics, tell_usage

COMMANDS = {
    "list": "kcsim.cli.gallery",
    "run": "kcsim.cli.run",
    "lesson": "kcsim.cli.lesson",
    "check": "kcsim.cli.check",
    "report": "kcsim.cli.report",
    "test": "kcsim.cli.test",
    "probe": "kcsim.cli.probe",
    "schema": "kcsim.cli.schema",
    "constants": "kcsim.cli.constants",
    "measures": "kcsim.cli.measures",
    "kubectl": "kcsim.cli.kubectl",
    "flux": "kcsim.cli.flux",
    "argocd": "kcsim.cli.argocd",
    "why": "kcsim.cli.why",
    "net": "kcsim.cli.net",
    "chaos": "kcsim.cli.chaos",
    "tui": "kcsim.cli.tui",
    "completion": "kcsim.cli.completion",
}
"""Command -> the module whose `command` it is; help shows them in this order."""

COMPLETION = "_KCSIM_COMPLETE"
"""Set by the scripts of `kcsim completion`: the shell asks what could follow."""


class Commands(click.Group):
    """The group of commands; a command's module is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = import_module(module).command
        assert isinstance(command, click.Command), f"{module}.command is a click command"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A word that is no command gets the near miss, or the hint that a scenario was meant."""
        word = args[0]
        if word not in COMMANDS and not word.startswith("-") and not ctx.resilient_parsing:
            raise BadInput(f"there is no command '{word[:60]}'", _meant(word))
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The first steps and the exit codes."""
        with formatter.section("Begin with"):
            formatter.write_dl(
                [
                    ("kcsim run drift-at-night", "play a story under push and flux, and compare"),
                    ("kcsim run PATH --out DIR", "the same for a file of yours, and keep what happened"),
                    ("kcsim", "the same in a terminal user interface"),
                ]
            )
        with formatter.section("Exit codes"):
            formatter.write_dl([(code, text.strip()) for code, _, text in (_columns(row) for row in table())])


@click.command(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "-V", "--version", package_name="kcsim", message="kcsim %(version)s")
@click.pass_context
def cli(context: click.Context) -> int | None:
    """A deterministic Kubernetes and GitOps simulator.

    Plays a story of commits, failures and drift in virtual time, once pushed by a pipeline and once pulled by an agent,
    and compares the two worlds.
    """
    if context.invoked_subcommand is not None:
        return None
    console = context.find_object(Console)
    if console is not None and console.interactive and sys.stdin.isatty():
        from kcsim.cli.tui import is_available, open_tui

        if is_available():
            return open_tui()
    click.echo(context.get_help())
    return Exit.OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code.

    Args:
        argv: the arguments without the program's name; those of the process when left out.
    """
    asked = os.environ.get(COMPLETION)
    if asked:
        return shell_complete(cli, {}, "kcsim", COMPLETION, asked)
    console = Console.of_process()
    try:
        with cli.make_context("kcsim", list(sys.argv[1:] if argv is None else argv), obj=console) as context:
            return int(cli.invoke(context) or Exit.OK)
    except click.exceptions.Exit as done:  # --help, --version
        return done.exit_code
    except BadInput as error:
        tell(console, error.message, error.remedy, where="kcsim")
        return Exit.BAD_INPUT
    except OutputLostError as error:
        return _lost(console, str(error))
    except (KeyboardInterrupt, click.Abort):
        console.say("kcsim: interrupted")
        return Exit.INTERRUPTED
    except click.ClickException as error:
        tell_usage(console, error)
        return Exit.BAD_INPUT
    except BrokenPipeError:
        silence(sys.stdout)  # click's own pages; nothing was decided yet
        return Exit.OK
    except OSError as error:
        if error.errno != ENOSPC:
            return _unexpected(console, error)
        silence(sys.stdout)  # click's own pages again
        return _lost(console, error.strerror or str(error))
    except Exception as error:  # noqa: BLE001 - a user gets one line for our defects as well
        return _unexpected(console, error)
    finally:
        console.flush()


def _lost(console: Console, why: str) -> int:
    tell(console, f"stdout cannot be written: {why}", "Make room there, or send it elsewhere.", where="kcsim")
    return Exit.BAD_INPUT


def _unexpected(console: Console, error: Exception) -> int:
    """Faults of a scenario or a controller it brings, an instant beyond the end, whoever raised them; all else is our own defect."""
    scenario_errors = sys.modules.get("kcsim.scenario.diagnostics")  # loaded if it was raised
    if scenario_errors is not None and isinstance(error, scenario_errors.ScenarioError):
        tell_diagnostics(console, error.diagnostics)
        return Exit.BAD_INPUT
    brought = sys.modules.get("kcsim.api.kit.brought")  # idem
    if brought is not None and isinstance(error, brought.HungController):
        tell(console, str(error), error.remedy, where=error.controller)
        return Exit.BAD_INPUT
    difference = sys.modules.get("kcsim.simulation.difference")  # idem
    if difference is not None and isinstance(error, difference.Ahead):
        tell(console, error.what, "Give an instant within the story.", where="kcsim")
        return Exit.BAD_INPUT
    if os.environ.get("KCSIM_DEBUG"):
        raise error
    tell_defect(console, error)
    return Exit.INTERNAL


def _meant(word: str) -> str:
    near = get_close_matches(word.lower(), COMMANDS, n=1)
    if near:
        return f"did you mean '{near[0]}'?  (commands: {', '.join(COMMANDS)})"
    from kcsim.scenario.shipped import SUFFIXES, gallery

    if word.endswith(SUFFIXES) or word in gallery():
        return f"did you mean 'kcsim run {word[:200]}'?  (commands: {', '.join(COMMANDS)})"
    return f"commands: {', '.join(COMMANDS)}"


def _columns(row: str) -> tuple[str, str, str]:
    code, _, text = row.strip().partition("  ")
    return code, "", text


if __name__ == "__main__":
    sys.exit(main())
