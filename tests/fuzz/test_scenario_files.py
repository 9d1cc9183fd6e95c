"""Spoiled scenario files through the command line: an exit code that is documented, never a traceback."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcsim.cli.exits import Exit
from kcsim.cli.main import main
from kcsim.scenario.load import gallery

from .mutations import VALUES, Mutation, mutated, mutations

FILES = {**gallery(), "everything": Path(__file__).parent / "files" / "everything.yaml"}
NAMES = sorted(gallery())
WORDS = [str(value) for value in VALUES]
FAULT = re.compile(r"^(?P<file>.+):(?P<line>\d+):(?P<column>\d+): KC\d{3} \S")


def said(*argv: str) -> tuple[int, str, str]:
    """Exit code and both streams of a command line run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(argv)
    return code, out.getvalue(), err.getvalue()


@given(st.sampled_from(sorted(FILES)), mutations())
@settings(suppress_health_check=list(HealthCheck))
def test_check_never_breaks(name: str, changes: list[Mutation]) -> None:
    data = mutated(FILES[name].read_text(encoding="utf-8"), changes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoiled.yaml"
        path.write_bytes(data)
        code, _, err = said("check", str(path))
    assert code in {Exit.OK, Exit.BAD_INPUT}, err
    heads = [line for line in err.splitlines() if not line.startswith("  ")]
    lines = data.count(b"\n") + data.count(b"\r") + 2
    for head in heads[: -1 if code else None]:
        found = FAULT.match(head)
        assert found, f"not a fault line: {head!r}"
        assert found["file"] == str(path)
        assert 1 <= int(found["line"]) <= lines
    if code == Exit.BAD_INPUT:
        assert heads
        assert heads[-1] == "1 scenario of 1 cannot be run"


def without_warnings(faults: str) -> str:
    """What `check` says, but for warnings and their remedies."""
    kept, skipping = [], False
    for line in faults.splitlines(keepends=True):
        if not line.startswith("  "):
            skipping = " warning: " in line
        if not skipping:
            kept.append(line)
    return "".join(kept)


@pytest.mark.slow
@given(st.sampled_from(sorted(FILES)), mutations())
@settings(suppress_health_check=list(HealthCheck))
def test_run_never_breaks(name: str, changes: list[Mutation]) -> None:
    data = mutated(FILES[name].read_text(encoding="utf-8"), changes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoiled.yaml"
        path.write_bytes(data)
        checked, _, faults = said("check", "--quiet", str(path))
        code, out, err = said("run", str(path), "--until", "30s")
        assert code in {Exit.OK, Exit.EXPECTATION_FAILED, Exit.BAD_INPUT}, err
        assert (code == Exit.BAD_INPUT) == (checked == Exit.BAD_INPUT), "check and run agree"
        if code == Exit.BAD_INPUT:
            assert out == ""
            assert err == without_warnings(faults)  # which a run tells when there is nothing worse


KEYS = (
    "seed", "until", "cluster.nodes", "cluster", "images[0].readyAfter", "deliveries.flux.kustomization.interval", "timeline",
    "deliveries.push.deployer.user", "deliveries.flux", "timeline[0].at", "traffic[shoppers].rate", "repositories[shop].path",
    'a["b.c"].d', "[0]", "x..y", "=", "", ".", "repositories[0]", "expectations[0].within", "name", "profile", "kind",
)  # fmt: skip


@pytest.mark.slow
@given(
    st.sampled_from(NAMES),
    st.lists(
        st.builds(
            "{}{}{}".format,
            st.sampled_from(KEYS),
            st.sampled_from(["=", "=", "=", ":"]),
            st.text() | st.sampled_from(WORDS),
        ),
        min_size=1,
        max_size=3,
    ),
)
@settings(suppress_health_check=list(HealthCheck))
def test_settings_never_break(name: str, texts: list[str]) -> None:
    flags = [word for text in texts for word in ("--set", text)]
    code, out, err = said("run", name, "--until", "5s", "--quiet", *flags)
    assert code in {Exit.OK, Exit.EXPECTATION_FAILED, Exit.BAD_INPUT}, err
    assert out == ""
    assert bool(err) or code == Exit.OK
