"""ScoreIndex against looking at every score."""

from __future__ import annotations

import pytest

from kcsim.cluster.scheduler.score_index import INFEASIBLE, ScoreIndex
from kcsim.engine.dice import Dice


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200, 333])
@pytest.mark.parametrize("sparse", [1, 3, 40])
def test_answers_equal_a_full_look(count: int, sparse: int) -> None:
    dice = Dice(count * 100 + sparse, "scores")

    def score() -> int:
        return dice.integer(4) if dice.integer(sparse) == 0 else INFEASIBLE

    index = ScoreIndex([score() for _ in range(count)])
    for _ in range(120):
        index.set(dice.integer(count), score())
        start, wanted = dice.integer(count), 1 + dice.integer(count)
        order = [(start + i) % count for i in range(count)]
        feasible = [i for i in order if index.scores[i] != INFEASIBLE]
        assert index.feasible == len(feasible)
        length = index.window(start, wanted)
        assert length == (count if len(feasible) <= wanted else order.index(feasible[wanted]))
        if not feasible:
            continue
        window = order[:length]
        best = max(index.scores[i] for i in window)
        equal = [i for i in window if index.scores[i] == best]
        assert index.best(start, length) == (best, len(equal))
        nth = dice.integer(len(equal))
        assert index.find(start, length, best, nth) == equal[nth]
