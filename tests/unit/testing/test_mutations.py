"""The planted defects: each can be planted, the stories accuse nobody without one, and notice one."""

from __future__ import annotations

import pytest

from benchmarks.mutations.mutants import MUTANTS
from benchmarks.mutations.run import HEALTHY, changed, tried


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_defect_can_be_planted(mutant):
    compile(changed(mutant), mutant.module, "exec")


def test_there_are_enough():
    assert len(MUTANTS) >= 30
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.slow
def test_healthy_controllers_are_not_accused_and_a_defect_is_noticed():
    assert tried(HEALTHY) == (False, "")
    number = [mutant.name for mutant in MUTANTS].index("a StatefulSet updates from below")
    caught, by = tried(number)
    assert caught
    assert by.startswith("stateful: ")
