"""Laws of the probe: a controller that goes by what is, not by what happens, survives every perturbation of any story."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.testing.probing.plan import Crash, Drop, Hold, Plan, Rewind, parse
from kcsim.testing.probing.probe import probe
from kcsim.testing.tiny import Step, crd, story
from tests.unit.testing.controllers import WebApps, web_app


@pytest.fixture(autouse=True)
def kcsim_worlds_keep_their_promises() -> None:
    """The probe judges its worlds itself."""


times = st.integers(0, 10**10)
plans: st.SearchStrategy[Plan] = st.one_of(
    st.builds(Crash, st.integers(1, 999), st.integers(1, 10**9)),
    st.builds(
        Drop,
        st.sampled_from(["pods", "configmaps"]),
        st.sampled_from(["", "default"]),
        st.sampled_from(["db", "db-1"]),
        st.integers(1, 99),
        st.integers(1, 9),
        times,
        times,
    ),
    st.builds(Hold, st.sampled_from(["pods", "nodes"]), times, times),
    st.builds(Rewind, times, st.integers(1, 10**6), times),
)


@given(plan=plans)
def test_any_plan_is_read_back_from_its_text(plan: Plan) -> None:
    assert parse(str(plan)) == plan


changes = st.lists(
    st.fixed_dictionaries({"replicas": st.integers(0, 2), "exposed": st.booleans()}), min_size=1, max_size=2
)


@settings(max_examples=5)
@given(wanted=changes, seed=st.integers(0, 99))
def test_a_declarative_controller_survives_crashes_and_missed_changes_in_any_story(
    wanted: list[dict[str, object]], seed: int
) -> None:
    steps: list[Step] = [(0, crd("WebApp", "example.com"))]
    steps += [(f"{5 + 40 * place}s", web_app(**spec)) for place, spec in enumerate(wanted)]
    world = story(
        "any",
        *steps,
        controllers={"webapps": WebApps},
        builtin=("garbage-collector-controller",),
        seed=seed,
        until="2m",
    )
    report = probe(world, patterns=("intermediate", "unobserved"))
    assert report.passed, report.text()
