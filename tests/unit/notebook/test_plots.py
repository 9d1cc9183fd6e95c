"""Statistics as plots: the numbers, the laws beside them, and the drawing, which is the same every time."""

from __future__ import annotations

import random
import sys
from math import log, sqrt
from xml.etree import ElementTree as ET

import pytest

import kcsim
from kcsim.engine.extras import MissingExtra
from kcsim.notebook.plots import cumulative, exponential, means, uniform

VALUES = {"poll": [3.0, 1.0, None, 2.0, 4.0]}


def test_the_numbers_of_a_sample() -> None:
    (row,) = cumulative(VALUES, "waits", theory=uniform(0, 5)).to_records()
    assert (row["runs"], row["never"], row["mean"], row["median"], row["p95"]) == (5, 1, 2.5, 2.5, 4.0)
    assert (row["theory_mean"], row["theory_p95"]) == (2.5, 4.75)
    assert row["distance"] == pytest.approx(0.2)  # nothing below 1, where a fifth was expected
    assert row["band"] == pytest.approx(sqrt(log(40) / 8))


def test_a_sample_of_a_law_stays_in_the_band_and_another_does_not() -> None:
    dice = random.Random(1)
    waits = [dice.expovariate(1 / 60) for _ in range(200)]
    assert "inside the band of 0.10" in str(cumulative({"": waits}, theory=exponential(60)))
    assert "OUTSIDE the band" in str(cumulative({"": waits}, theory=uniform(0, 120)))


@pytest.mark.parametrize("law", [uniform(2, 6), exponential(7)], ids=["uniform", "exponential"])
def test_a_quantile_is_what_its_share_lies_below(law) -> None:
    for share in (0.0, 0.1, 0.5, 0.95):
        assert law.below(law.quantile(share)) == pytest.approx(share)
    assert (law.below(-1.0), law.below(1e9)) == (0.0, 1.0)


def test_the_numbers_of_means() -> None:
    shown = means(
        {60: [20.0, 40.0], 600: [300.0, 300.0]}, over="interval (s)", of="delay (s)", theory=lambda x: x / 2
    )
    first, last = shown.to_records()
    assert (first["x"], first["mean"], first["theory"]) == (60, 30.0, 30.0)
    assert first["high"] - first["mean"] == pytest.approx(1.96 * 10)
    assert (last["low"], last["high"]) == (300.0, 300.0)
    assert "with fewer than 30 runs these intervals are too narrow" in str(shown)


def test_a_sweep_knows_its_titles_and_units() -> None:
    swept = kcsim.sweep("plain-release", seeds=3, deliveries=["flux"], progress=False)
    shown = cumulative(swept, "change_lead_time", theory={"flux": uniform(0, 90)})
    assert (shown.title, shown.unit) == ("Change lead time", "s")
    with pytest.raises(ValueError, match="there is no measure 'lead_time'"):
        cumulative(swept, "lead_time")
    with pytest.raises(
        ValueError, match="theory for 'flox', which is none of the groups: did you mean 'flux'"
    ):
        cumulative(swept, "change_lead_time", theory={"flox": uniform(0, 90)})
    with pytest.raises(ValueError, match="never happened in flux: there is nothing to plot"):
        cumulative(swept, "recovery_time")


def test_what_cannot_be_a_plot_is_refused() -> None:
    with pytest.raises(ValueError, match="the first must be less"):
        uniform(5, 5)
    with pytest.raises(ValueError, match="must be above 0"):
        exponential(0)
    with pytest.raises(ValueError, match="there is no point"):
        means({}, over="x", of="y")
    with pytest.raises(ValueError, match="1 run at 60: an interval needs two"):
        means({60: [1.0]}, over="x", of="y")


def test_without_a_library_there_are_its_numbers_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    shown = cumulative(VALUES, "waits")
    html = shown._repr_mimebundle_()["text/html"]
    assert "pip install &#x27;kcsim[plots]&#x27;; str() and to_records() have its numbers" in html
    assert "<td>2.5</td>" in html
    with pytest.raises(MissingExtra, match="a plot needs matplotlib"):
        shown.svg()


class TestDrawn:
    """With the extra."""

    @pytest.fixture(autouse=True)
    def _extra(self) -> None:
        pytest.importorskip("matplotlib", reason="needs the plots extra")

    def test_it_is_well_formed_says_what_it_shows_and_is_the_same_every_time(self) -> None:
        hostile = '<script>alert("&")</script>'
        for make in (
            lambda: cumulative({hostile: [1.0, 2.0]}, "waits", theory=exponential(2)),
            lambda: means({1: [1.0, 2.0]}, over=hostile, of="y", theory=lambda x: x),
        ):
            drawn = make().svg()
            assert drawn == make().svg()
            root = ET.fromstring(drawn)
            described = root.find("{http://www.w3.org/2000/svg}desc")
            assert described is not None
            assert described.text == str(make())
            assert "<script" not in make()._repr_mimebundle_()["text/html"]

    def test_the_plot_does_not_touch_anybodys_settings(self) -> None:
        import matplotlib as mpl

        before = dict(mpl.rcParams)
        cumulative(VALUES).svg()
        assert dict(mpl.rcParams) == before
