"""`kcsim run --plain` and `--follow`: the story as lines of text, one fact a line, for screen readers, logs and pipes.

**Walk:** each world runs in steps (views.following) -> a line once it is sure -> results -> the next world.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kcsim.cli.console import Console
from kcsim.cli.playing import Interruption
from kcsim.views.following import Following, opening, results

if TYPE_CHECKING:  # loaded by the command
    from kcsim.scenario.play import Play


def follow(
    worlds: Mapping[str, "Play"], console: Console, interruption: Interruption, *, at_once: bool
) -> list[str]:
    """Run each world and tell it; gives the names of those that got to their end.

    `at_once`: each line as it comes; otherwise a world's lines together once it is over.
    """
    done: list[str] = []
    for number, (name, world) in enumerate(worlds.items()):
        if number:
            console.print()
        lead = f"{name} " if len(worlds) > 1 else ""
        lines = [opening(world)]
        if at_once:
            console.print(lines.pop())
        for told in Following(world).run():
            if interruption.asked:
                break
            line = f"{lead}{told}"
            if at_once:
                console.print(line)
            else:
                lines.append(line)
        for line in lines:
            console.print(line)
        if interruption.asked:
            break
        world.finish()
        done.append(name)
        for text in results(world):
            console.print(f"{lead}{text}")
    return done
