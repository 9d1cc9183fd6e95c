"""`kcsim completion`: scripts that teach a shell kcsim's commands, options and gallery names."""

import click
from click.shell_completion import get_completion_class

from kcsim.cli.console import Console
from kcsim.cli.exits import Exit

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Shell completion for bash, zsh or fish.")
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> Exit:
    """Print the completion script of a shell.

    \b
    bash  kcsim completion bash >> ~/.bashrc
    zsh   kcsim completion zsh >> ~/.zshrc
    fish  kcsim completion fish > ~/.config/fish/completions/kcsim.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click brings all three"
    from kcsim.cli.main import COMPLETION

    root = context.find_root()
    script = kind(root.command, {}, "kcsim", COMPLETION).source()
    console = context.find_object(Console)
    assert console is not None, "main made one"
    console.document(script.rstrip("\n"))
    return Exit.OK
