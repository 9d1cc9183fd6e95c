"""Exit codes: what the shell and CI learn from kcsim. `kcsim --help` and docs/cli.md show this table."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, with their meaning as the member's docstring."""

    OK = 0
    EXPECTATION_FAILED = 1
    BAD_INPUT = 2
    INTERNAL = 70
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """In words."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.OK: "done; every expectation came out as the scenario says",
    Exit.EXPECTATION_FAILED: "the worlds were run, and an expectation failed",
    Exit.BAD_INPUT: "a command, option, file, folder or controller cannot be used",
    Exit.INTERNAL: "a defect of kcsim itself; KCSIM_DEBUG=1 shows where",
    Exit.INTERRUPTED: "interrupted (Ctrl-C); what was recorded until then has been written",
}


def table() -> list[str]:
    """One line an exit code."""
    return [f"{code.value:>4}  {code.meaning}" for code in Exit]
