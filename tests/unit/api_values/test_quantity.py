"""Quantities beyond the vectors: helpers, messages, what the API server keeps as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.api import quantity

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "e3", "e-2"]
texts = st.builds(
    lambda sign, whole, fraction, suffix: f"{sign}{whole}{fraction}{suffix}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**6),
    st.sampled_from(["", ".5", ".25", ".001", "."]),
    st.sampled_from(SUFFIXES),
)


@pytest.mark.parametrize(
    ("text", "milli", "value"),
    [
        ("250m", 250, 1),
        ("1", 1000, 1),
        ("1.5", 1500, 2),
        ("64Mi", 67108864000, 67108864),
        ("100u", 1, 1),
        ("-1500m", -1500, -2),
        (2, 2000, 2),
        (0.5, 500, 1),
        (" 3 ", 3000, 3),
    ],
)
def test_milli_and_value_round_away_from_zero(text, milli, value):
    assert quantity.milli(text) == milli
    assert quantity.value(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", quantity.FORMAT_WRONG),
        ("abc", quantity.FORMAT_WRONG),
        ("1.2.3", quantity.FORMAT_WRONG),
        ("1Kii", quantity.SUFFIX),
        ("1ki", quantity.SUFFIX),
        ("1e", quantity.SUFFIX),
    ],
)
def test_error_texts(text, message):
    with pytest.raises(quantity.QuantityError) as caught:
        quantity.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("0.5", "500m"),
        ("1000k", "1M"),
        ("1e3", "1e3"),
        ("1E6", "1E6"),
        ("1024", "1024"),
        ("1.5Gi", "1536Mi"),
        ("250m", "250m"),
        ("0", "0"),
        ("0Mi", "0"),
        ("8Gi", "8Gi"),
    ],
)
def test_text_kept_by_the_api_server(text, stored):
    assert quantity.stored_text(text) == stored


def test_binary_amounts_stop_at_int64():
    assert quantity.value("9999999Ti") == 2**63 - 1
    assert quantity.value("100Ei") == 2**63 - 1


def test_zero_takes_the_format_of_what_is_added():
    assert str(quantity.parse("0").add(quantity.parse("1Gi"))) == "1Gi"
    assert str(quantity.parse("1Gi").add(quantity.parse("1G"))) == "2073741824"


@given(texts)
def test_canonical_text_keeps_the_amount(text):
    # Not the format: 531.25Ki prints as 544000, which reads as a decimal and prints as 544k.
    amount = quantity.parse(text)
    again = quantity.parse(str(amount))
    assert again.nanos == amount.nanos
    assert str(quantity.parse(str(again))) == str(again)


@given(texts, texts)
def test_sub_undoes_add(a, b):
    left, right = quantity.parse(a), quantity.parse(b)
    assert left.add(right).sub(right).nanos == left.nanos
