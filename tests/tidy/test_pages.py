"""Pages tell the truth: generated ones are fresh, links lead somewhere, commands exist, and code blocks run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kcsim.scenario import model
from kcsim.scenario.diagnostics import CODES
from kcsim.scenario.load import examine_text
from kcsim.scenario.shapes import record_of
from tests.tidy.tree import ROOT, pages
from tools.docs import __main__ as docs

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


UNRUNNABLE = ("kcsim tui", "kcsim lesson", "kcsim probe my-operator.yaml", "make ")
"""What waits for a person, or for a file that only they have."""


def console_pages() -> list[tuple[str, tuple[str, ...]]]:
    """(page, its commands in order) of the pages whose console blocks can be run as they stand."""
    found = []
    for page, text in blocks("console"):
        typed = [line[2:].partition("  #")[0].strip() for line in text.splitlines() if line.startswith("$ ")]
        found.append((page, tuple(line for line in typed if not line.startswith(UNRUNNABLE))))
    return [(page, lines) for page, lines in found if lines]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "lines"), console_pages(), ids=[page for page, _ in console_pages()])
def test_console_blocks_run_in_the_order_of_the_page(
    page: str, lines: tuple[str, ...], tmp_path: Path
) -> None:
    story = (ROOT / "scenarios" / "plain-release.yaml").read_text("utf-8")
    (tmp_path / "my-story.yaml").write_text(story, "utf-8")
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    for place in ("fleet", "path/to/repo"):
        a_repository(tmp_path / place)
    for line in lines:
        words = shlex.split(line.replace("~/", f"{tmp_path}/"))
        assert words[0] == "kcsim", line
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{page}: {line}\n{done.stdout}{done.stderr}"


def a_repository(folder: Path) -> None:
    """A repository with one Deployment on main, and another version of it on my-branch."""
    folder.mkdir(parents=True)
    manifest = yaml.safe_load((ROOT / "scenarios" / "plain-release.yaml").read_text("utf-8"))
    files = manifest["repositories"][0]["files"]

    def git(*words: str) -> None:
        who = ("-c", "user.name=dana", "-c", "user.email=dana@example.com")
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    git("init", "-b", "main")
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    git("add", ".")
    git("commit", "-m", "begin")
    git("checkout", "-b", "my-branch")
    for name, text in files.items():
        (folder / name).write_text(text.replace("replicas: 3", "replicas: 4"), "utf-8")
    git("commit", "-am", "one more")
    git("checkout", "main")


STRUCTURE = frozenset(code for code in CODES if code < "KC2") - {"KC105"}
"""Codes of what is wrong with a file by itself; fields that ask for one another may stand elsewhere in the story."""


def fragments() -> list[tuple[str, str]]:
    """(page and number, text of a YAML block); each of them is a part of a scenario."""
    found = []
    for page in pages():
        texts = [m[3] for m in BLOCK.finditer((ROOT / page).read_text("utf-8")) if m[1] == "yaml"]
        found.extend((f"{page}:{number}", text) for number, text in enumerate(texts, 1))
    return found


def as_scenario(text: str) -> str:
    """A scenario around a fragment: entries of a timeline, fields of a scenario, a delivery, or a part of one."""
    head = "apiVersion: kcsim/v1\nkind: Scenario\nname: a-page\n"
    keys = re.findall(r"^([A-Za-z]+):", text, re.MULTILINE)
    if not keys:
        return f"{head}timeline:\n{text}"
    fields = {field.key for field in record_of(model.Scenario).fields}
    if set(keys) <= fields:
        return f"{head}{text}"
    below = "deliveries:\n  push:\n    type: push\n" if keys == ["pipeline"] else "deliveries:\n"
    depth = "    " if keys == ["pipeline"] else "  "
    return head + below + "".join(f"{depth}{line}" for line in text.splitlines(keepends=True))


@pytest.mark.parametrize(("place", "text"), fragments(), ids=[place for place, _ in fragments()])
def test_yaml_blocks_are_what_a_scenario_may_hold(place: str, text: str) -> None:
    """Every field and every value of them; what they refer to stands elsewhere in the story."""
    found = examine_text(as_scenario(text), place).diagnostics
    wrong = [each for each in found if each.severity == "error" and each.code in STRUCTURE]
    assert not wrong, "\n".join(map(str, wrong))
