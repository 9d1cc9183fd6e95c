"""Command lines as ``flux`` and ``argocd`` read them: flags anywhere, each command with its own.

**Imitates:** spf13/pflag under cobra: ``--name=value``, ``--name value``, ``-n value``, ``-nvalue``; a flag that a command does not have is an
unknown one. A flag that it has and that is not modelled here is refused by name.

**Walk:** words -> ``Dialect.parse`` (what takes a value, whatever the command) -> the command's words -> ``Dialect.check`` (what that command
has).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class FlagError(Exception):
    """A flag that cannot be read, or that the command does not have; the text is pflag's."""


@dataclass
class Arguments:
    """Words and flags (by long name, each with all its values) of a command line."""

    words: list[str] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)

    def on(self, name: str, default: bool = False) -> bool:
        """Whether a switch is on."""
        return self.get(name, "true" if default else "false") != "false"

    def get(self, name: str, default: str = "") -> str:
        """The last value given."""
        return self.flags[name][-1] if name in self.flags else default

    def all(self, name: str) -> list[str]:
        """Every value given."""
        return self.flags.get(name, [])


@dataclass(frozen=True)
class Dialect:
    """The flags of one program.

    Attributes:
        program: its name.
        short: long names by their letters.
        switches: what takes no value.
        everywhere: what every command has.
        commands: what each command has besides; also the flags that change nothing here, such as a progress bar.
        absent: what commands (``""``: all of them) have in the real program, and kcsim does not model.
    """

    program: str
    short: Mapping[str, str]
    switches: frozenset[str]
    everywhere: frozenset[str]
    commands: Mapping[str, frozenset[str]]
    absent: Mapping[str, frozenset[str]]

    @property
    def names(self) -> frozenset[str]:
        """Every flag there is."""
        return self.everywhere.union(*self.commands.values(), *self.absent.values())

    def parse(self, words: Sequence[str]) -> Arguments:
        """Take a command line apart.

        Raises:
            FlagError: a flag that no command has, with the nearest, or one without its value.
        """
        arguments, rest, names = Arguments(), list(words), self.names
        while rest:
            item = rest.pop(0)
            if item.startswith("--"):
                name, equals, value = item[2:].partition("=")
            elif item.startswith("-") and len(item) > 1:
                letter, value = item[1], item[2:].removeprefix("=")
                equals = "=" if value else ""
                if letter not in self.short:
                    raise FlagError(f"unknown shorthand flag: '{letter}' in {item}")
                name = self.short[letter]
            else:
                arguments.words.append(item)
                continue
            if name not in names:
                near = difflib.get_close_matches(name, sorted(names), 1)
                raise FlagError(f"unknown flag: --{name}" + (f" (did you mean --{near[0]}?)" if near else ""))
            if name in self.switches:
                arguments.flags.setdefault(name, []).append(value if equals else "true")
            elif not equals and not rest:
                raise FlagError(f"flag needs an argument: --{name}")
            else:
                arguments.flags.setdefault(name, []).append(value if equals else rest.pop(0))
        return arguments

    def check(self, arguments: Arguments, command: str) -> None:
        """Whether the command has all the flags that were given.

        Raises:
            FlagError: it does not have one, or kcsim does not model it.
        """
        own = self.everywhere | self.commands.get(command, frozenset())
        absent = self.absent.get("", frozenset()) | self.absent.get(command, frozenset())
        for name in arguments.flags:
            if name in own:
                continue
            if name in absent:
                raise FlagError(f"kcsim does not model --{name} of '{self.program} {command}'")
            near = difflib.get_close_matches(name, sorted(own), 1)
            raise FlagError(f"unknown flag: --{name}" + (f" (did you mean --{near[0]}?)" if near else ""))


def flags(text: str) -> frozenset[str]:
    """Names, written in one text."""
    return frozenset(text.split())


def unknown_command(word: str, of: str, known: Sequence[str], absent: Sequence[str] = ()) -> str:
    """What is said of a word that is no command: cobra's line and near miss, or that kcsim does not model it; then the commands there are."""
    if word in absent:
        said = f"kcsim does not model '{of} {word}'"
    else:
        near = difflib.get_close_matches(word, known, 1)
        said = f'unknown command "{word}" for "{of}"' + (
            f"\n\nDid you mean this?\n\t{near[0]}" if near else ""
        )
    return f"{said}\n\n{of} has here: {', '.join(known)}"
