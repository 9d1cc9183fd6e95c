"""The commands that run nothing: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from kcsim.cli.exits import Exit
from kcsim.cli.main import COMMANDS, main
from kcsim.scenario.load import gallery
from kcsim.scenario.shipped import lessons

HEAVY = ("textual", "dulwich", "networkx", "hypothesis", "simpy", "yaml", "kcsim.simulation")


def test_help_names_every_command_and_exit_code(kcsim):
    said = kcsim("--help")
    assert said.code == Exit.OK
    for name in COMMANDS:
        assert f"\n  {name} " in said.out
    for code in Exit:
        assert f"\n  {code.value} " in said.out
        assert code.meaning.split(";")[0] in " ".join(said.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(kcsim, name):
    said = kcsim(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: kcsim {name}")


def test_without_arguments_and_without_a_terminal_it_prints_its_help(kcsim):
    assert kcsim().out == kcsim("--help").out


def test_version(kcsim):
    from importlib.metadata import version

    assert kcsim("--version").out == f"kcsim {version('kcsim')}\n"


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["--version"], ["completion", "fish"], []])
def test_start_up_loads_nothing_of_the_simulator(argv):
    program = (
        "import sys; from kcsim.cli.main import main; code = main(sys.argv[2:]);"
        "print([name for name in sys.argv[1].split() if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, " ".join(HEAVY), *argv], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"
    assert done.stdout


def test_list_shows_the_gallery_as_text_and_as_json(kcsim):
    text, document = kcsim("list"), json.loads(kcsim("list", "--json").out)
    assert [entry["name"] for entry in document] == [*gallery(), *lessons()]
    for entry in document:
        assert entry["name"] in text.out
        assert entry["title"] in text.out
        assert entry["teaches"]
        assert entry["teaches"] in " ".join(text.out.split())


def test_schema_is_one_json_document(kcsim):
    assert json.loads(kcsim("schema").out)["title"] == "kcsim scenario"


def test_check_says_ok_of_every_shipped_scenario(kcsim):
    said = kcsim("check", *gallery())
    assert (said.code, said.err) == (0, "")
    assert said.out.count("✓ ok") == len(gallery())
    assert kcsim("check", "--quiet", *gallery()).out == ""


def test_check_tells_all_faults_of_all_files_with_place_and_remedy(kcsim, tmp_path):
    text = gallery()["plain-release"].read_text()
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(text.replace("until:", "untill:").replace("replicas: 3", "replica: 3"))
    two.write_text("apiVersion: kcsim/v1\nkind: Scenario\nname: [\n")
    said = kcsim("check", str(one), str(two), "plain-release")
    assert said.code == Exit.BAD_INPUT
    heads = [line for line in said.err.splitlines() if " KC" in line]
    assert heads[0].startswith(f"{one}:")
    assert "KC102 Scenario has no field 'untill'" in heads[0]
    assert "did you mean 'until'?" in said.err
    assert any(line.startswith(f"{two}:4:1: KC004") for line in heads)
    assert "2 scenarios of 3 cannot be run" in said.err
    assert "ok  plain-release" in said.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_kcsim(kcsim, shell):
    said = kcsim("completion", shell)
    assert said.code == 0
    assert "_KCSIM_COMPLETE" in said.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("kcsim ch", ["check", "chaos"]),
        ("kcsim check drift", ["drift-at-night"]),
        ("kcsim check --qu", ["--quiet"]),
        ("kcsim completion z", ["zsh"]),
        ("kcsim run drift-at-night --delivery ", ["push", "flux", "argocd"]),
        ("kcsim test plain-release drift-at-night -d f", ["flux"]),
    ],
)
def test_completion_offers_commands_options_and_gallery_names(monkeypatch, capsys, words, offered):
    monkeypatch.setenv("_KCSIM_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert main([]) == 0
    lines = [
        line.partition(",")[2] for line in capsys.readouterr().out.splitlines() if line.startswith("plain,")
    ]
    assert lines == offered


# Wrong command lines.

WRONG = {
    "near command": (["chek"], "there is no command 'chek'", "did you mean 'check'?"),
    "no command": (["frobnicate"], "there is no command 'frobnicate'", "commands: list, run"),
    "a scenario": (
        ["drift-at-night"],
        "no command 'drift-at-night'",
        "did you mean 'kcsim run drift-at-night'?",
    ),
    "a file": (["mine.yaml"], "there is no command 'mine.yaml'", "did you mean 'kcsim run mine.yaml'?"),
    "near option": (["check", "--quit", "x"], "no such option '--quit'", "did you mean '--quiet'?"),
    "argument": (["check"], "missing argument 'SCENARIO...'", "Usage: kcsim check"),
    "no lesson": (["lesson", "99"], "there is no lesson 99", "lessons: 01-from-commit-to-pod"),
    "near name": (["check", "drift-at-nite"], "KC011", "did you mean 'drift-at-night'?"),
    "choice": (["completion", "tcsh"], "'tcsh' is not one of", "--help"),
    "empty path": (["check", ""], "KC001", "gallery name"),
    "no object": (["why", ".", "web"], ": . holds no recorded world", "kcsim run SCENARIO --out DIR"),
}


@pytest.mark.parametrize("row", WRONG)
def test_a_wrong_command_line_gets_one_line_and_a_remedy(kcsim, row):
    argv, message, remedy = WRONG[row]
    said = kcsim(*argv)
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    head, advice, *_ = said.err.splitlines()
    assert message in head
    assert advice.startswith("  ")
    assert remedy in advice


# --- constants --------------------------------------------------------------------------------------------------


def test_constants_tell_value_unit_and_source_and_where_profiles_differ(kcsim):
    said = kcsim("constants", "grace-period")
    row = next(line for line in said.out.splitlines() if "node-monitor-grace-period" in line)
    assert row.split()[1:6] == ["50", "s", "(40", "in", "1.31)"]
    assert row.split()[6] == "pkg/controller/nodelifecycle/config/v1alpha1/defaults.go"


def test_constants_as_json(kcsim):
    said = kcsim("constants", "--json", "--profile", "1.31", "monitor-grace")
    document = json.loads(said.out)
    assert document["profile"] == "1.31"
    assert [(row["name"], row["value"], row["unit"]) for row in document["constants"]] == [
        ("node-monitor-grace-period", 40, "s")
    ]


@pytest.mark.parametrize("argv", [("--profile", "1.30"), ("no-such-constant",)])
def test_constants_that_are_not_there(kcsim, argv):
    said = kcsim("constants", *argv)
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    assert said.err
