"""Pages tell the truth: generated ones are fresh, links lead somewhere, commands exist, and code blocks run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT, pages
from tools import docs

PROMPT = re.compile(r"^(?:\$ |    )(kcsim|make) ", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)?(#[^)\s]+)?\)")


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, text of every fenced block of a language on it), pages without one left out."""
    found = []
    for page in pages():
        texts = [m[3] for m in BLOCK.finditer((ROOT / page).read_text("utf-8")) if m[1] == language]
        if texts:
            found.append((page, "\n".join(texts)))
    return found


def test_generated_pages_are_what_the_code_says() -> None:
    stale = docs.stale()
    assert not stale, f"run `make docs`: {', '.join(stale)} differ from the code"


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    text = BLOCK.sub("", (ROOT / page).read_text("utf-8"))
    broken = []
    for target, anchor in LINK.findall(text):
        if "://" in target:
            continue
        file = (ROOT / page).parent / target if target else ROOT / page
        if not file.exists():
            broken.append(target)
        elif anchor and file.suffix == ".md" and anchor[1:] not in anchors(file):
            broken.append(f"{target}{anchor}")
    assert not broken, f"{page} links to nothing: {', '.join(broken)}"


def anchors(file: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("page", "code"), blocks("python"), ids=[page for page, _ in blocks("python")])
def test_python_blocks_run_in_the_order_of_the_page(page: str, code: str, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", str(script)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{page}:\n{done.stderr}"


def typed_commands() -> Iterator[tuple[str, str]]:
    """(page, command line) of every `kcsim` and `make` command in a console block."""
    for page, text in blocks("console") + blocks("sh"):
        for line in text.splitlines():
            command = line.removeprefix("$ ").partition("#")[0].strip()
            if command.startswith(("kcsim ", "make ")):
                yield page, command
    for page in pages():
        text = BLOCK.sub("", (ROOT / page).read_text("utf-8"))
        for command in re.findall(r"`((?:kcsim|make) [^`]+)`", text):
            yield page, command
        for line in re.findall(r"^    ((?:kcsim|make) .+)$", text, re.MULTILINE):
            yield page, re.split(r"\s{2,}|\s#", line)[0]


@pytest.mark.parametrize(("page", "line"), sorted(set(typed_commands())))
def test_commands_that_pages_show_exist(page: str, line: str) -> None:
    words = shlex.split(line)
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
        named = [word for word in words[1:] if "=" not in word]
        assert set(named) <= targets, f"{page}: the Makefile has no {set(named) - targets}"
        return
    from kcsim.cli.main import COMMANDS, cli

    if words[1].startswith("-"):
        return
    assert words[1] in COMMANDS, f"{page}: there is no `kcsim {words[1]}`"
    import click

    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None
    if isinstance(command, click.Group) and len(words) > 2:
        below = command.get_command(click.Context(command), words[2])
        assert below is not None, f"{page}: there is no `kcsim {words[1]} {words[2]}`"
        command = below
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    own = words[: words.index("--")] if "--" in words else words  # what follows is for another program
    asked = {word.partition("=")[0] for word in own[2:] if word.startswith("--")}
    assert asked <= known | {"--help"}, f"{page}: `kcsim {words[1]}` has no {asked - known}"


def test_the_readme_begins_with_what_it_is_a_picture_and_the_two_commands() -> None:
    first = (ROOT / "README.md").read_text("utf-8").splitlines()[:60]
    text = "\n".join(first)
    for wanted in ("Kubernetes", "GitOps", "make demo", "make test"):
        assert wanted in text, f"the first screen of the README does not say {wanted}"
    picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert picture, "the first screen of the README has no picture"
    assert (ROOT / picture[1]).is_file()


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
