"""The order of the events of one instant: each strategy gives each order its chance, and the same one again."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.engine.core import Engine
from kcsim.engine.order import ChosenOrder, PctOrder, RandomOrder, order_of
from kcsim.engine.ordered import OrderedEngine, engine_for


class Lane:
    """Somebody with two things to do, one after the other, at the same instant."""

    def __init__(self, engine: Engine, name: str, log: list[str]) -> None:
        self.engine, self.name, self.log = engine, name, log

    def one(self) -> None:
        self.log.append(f"{self.name}1")
        self.engine.after(0, self.two)

    def two(self) -> None:
        self.log.append(f"{self.name}2")


def played(engine: Engine, by_step: bool = False) -> str:
    log: list[str] = []
    for name in "abc":
        engine.after(5, Lane(engine, name, log).one)
    engine.after(7, log.append, "end")
    if by_step:
        while engine.step():
            pass
    else:
        engine.run_until(10)
    return " ".join(log)


def test_without_an_order_it_is_that_of_arming():
    assert played(Engine()) == "a1 b1 c1 a2 b2 c2 end"
    assert played(OrderedEngine(1, ChosenOrder())) == "a1 b1 c1 a2 b2 c2 end"


@pytest.mark.parametrize("text", ["random", "random:4", "pct:1", "pct:3", "pct:2:9", "choices:2.1"])
def test_an_order_is_the_same_again_and_by_steps(text):
    runs = {played(OrderedEngine(3, order_of(text, 3)), by_step) for by_step in (False, True)}
    assert len(runs) == 1
    (run,) = runs
    assert sorted(run.split()) == ["a1", "a2", "b1", "b2", "c1", "c2", "end"]
    for lane in "abc":
        assert run.index(f"{lane}1") < run.index(f"{lane}2")
    assert run.endswith("end")


def test_random_gives_every_order_its_chance():
    firsts = Counter(played(OrderedEngine(seed, RandomOrder(seed)))[0] for seed in range(300))
    assert set(firsts) == set("abc")
    assert min(firsts.values()) > 60
    assert len({played(OrderedEngine(seed, RandomOrder(seed))) for seed in range(300)}) > 50


def test_pct_of_depth_one_finishes_a_lane_before_the_next():
    orders = {played(OrderedEngine(seed, PctOrder(seed, 1))) for seed in range(100)}
    assert orders == {
        f"{x}1 {x}2 {y}1 {y}2 {z}1 {z}2 end" for x, y, z in ("abc", "acb", "bac", "bca", "cab", "cba")
    }


def test_a_change_point_lets_the_lane_in_front_fall_behind():
    orders = {played(OrderedEngine(seed, PctOrder(seed, 2, length=4))) for seed in range(200)}
    assert any(run.startswith("a1 b1") and run.endswith("a2 end") for run in orders)


@given(st.lists(st.integers(0, 3), max_size=6))
def test_choices_are_made_as_told_and_written_down(choices):
    order = ChosenOrder(choices)
    played(OrderedEngine(1, order))
    assert order.widths == [3, 3, 3, 2, 2] or len(order.widths) >= 3
    assert all(width >= 2 for width in order.widths)


def test_a_cancelled_event_is_no_choice():
    engine = OrderedEngine(1, order := ChosenOrder([1]))
    log: list[str] = []
    engine.after(5, log.append, "a").cancel()
    engine.after(5, log.append, "b")
    engine.after(5, log.append, "c")
    engine.run_until(5)
    assert log == ["c", "b"]
    assert order.widths == [2]


def test_the_next_instant_is_now_while_something_of_it_waits():
    engine = OrderedEngine(1, ChosenOrder())
    engine.after(5, lambda: None)
    engine.after(5, lambda: None)
    assert engine.next_time == 5
    engine.step()
    assert engine.next_time == 5
    engine.step()
    assert engine.next_time is None
    assert not engine.step()


@pytest.mark.parametrize(
    "text", ["lifo", "pct", "pct:0", "pct:x", "random:x", "choices:1.x", "choices:-1", "fifo:1"]
)
def test_an_order_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"no order .*: write fifo, random, pct:D or choices"):
        order_of(text, 1)


def test_on_a_grid_what_falls_due_within_it_falls_due_together():
    engine = engine_for(1, "choices:1@10ms")
    log: list[tuple[str, int]] = []
    engine.after(3000, lambda: log.append(("a", engine.now)))
    engine.after(9999, lambda: log.append(("b", engine.now)))
    engine.after(10001, lambda: log.append(("c", engine.now)))
    engine.run_until(30_000)
    assert log == [("b", 10_000), ("a", 10_000), ("c", 20_000)]


def test_the_plain_engine_serves_the_plain_order():
    assert type(engine_for(1, "fifo")) is Engine
    assert isinstance(engine_for(1, "fifo@1ms"), OrderedEngine)
    with pytest.raises(ValueError, match="duration"):
        engine_for(1, "random@0s")


@pytest.mark.parametrize("text", ["", "fifo"])
def test_first_in_first_out_is_no_order_at_all(text):
    assert order_of(text, 1) is None
