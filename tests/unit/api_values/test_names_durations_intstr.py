"""Messages of name validation, Go durations, IntOrString errors, Go's way to print values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.api import durations, gotext, intstr, names

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


@pytest.mark.parametrize(
    ("check", "value", "messages"),
    [
        (names.is_dns1123_subdomain, "Web", [SUBDOMAIN]),
        (names.is_dns1123_subdomain, "a" * 254, ["must be no more than 253 characters"]),
        (names.is_dns1123_label, "a.b", ["must not contain dots"]),
        (names.is_dns1123_label, "a" * 64, ["must be no more than 63 characters"]),
        (names.is_valid_label_value, "a" * 64, ["must be no more than 63 bytes"]),
        (names.is_qualified_name, "a" * 64, ["name part must be no more than 63 bytes"]),
        (names.is_qualified_name, "/x", ["prefix part must be non-empty"]),
        (names.is_qualified_name, "X/x", [f"prefix part {SUBDOMAIN}"]),
        (names.is_config_map_key, "..", ["must not be '..'"]),
        (names.is_config_map_key, "..a", ["must not start with '..'"]),
        (names.is_relaxed_env_var_name, "", ["environment variable name must be non-empty"]),
        (names.is_relaxed_env_var_name, "1 b", []),
        (names.is_valid_port_num, 0, ["must be between 1 and 65535, inclusive"]),
        (names.is_valid_port_name, "80", ["must contain at least one letter (a-z)"]),
        (names.is_valid_percent, "25%", []),
        (names.is_c_identifier, "a_1", []),
    ],
)
def test_messages(check, value, messages):
    assert check(value) == messages


def test_a_trailing_line_break_is_not_a_name():
    assert names.is_dns1123_label("a\n")
    assert names.is_valid_label_value("a\n")


@pytest.mark.parametrize(
    ("text", "nanoseconds", "printed"),
    [
        ("1m30s", 90 * durations.SECOND, "1m30s"),
        ("1h", durations.HOUR, "1h0m0s"),
        ("1.5h", 90 * durations.MINUTE, "1h30m0s"),
        ("300ms", 300 * durations.MILLISECOND, "300ms"),
        ("-1.5s", -1500 * durations.MILLISECOND, "-1.5s"),
        ("1us500ns", 1500, "1.5µs"),
        (".5s", 500 * durations.MILLISECOND, "500ms"),
        ("0", 0, "0s"),
    ],
)
def test_go_durations(text, nanoseconds, printed):
    assert durations.parse_duration(text) == nanoseconds
    assert durations.format_duration(nanoseconds) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("3", 'time: missing unit in duration "3"'),
        ("3d", 'time: unknown unit "d" in duration "3d"'),
        ("ms", 'time: invalid duration "ms"'),
        ("999999999h", 'time: invalid duration "999999999h"'),
    ],
)
def test_duration_errors(text, message):
    with pytest.raises(durations.DurationError) as caught:
        durations.parse_duration(text)
    assert str(caught.value) == message


@given(st.integers(-(2**63), 2**63 - 1))
def test_duration_round_trip(nanoseconds):
    assert durations.parse_duration(durations.format_duration(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("value", "total", "up", "down"), [("25%", 10, 3, 2), ("100%", 7, 7, 7), (3, 100, 3, 3), ("0%", 5, 0, 0)]
)
def test_scaled_values(value, total, up, down):
    assert intstr.get_scaled_value_from_int_or_percent(value, total, round_up=True) == up
    assert intstr.get_scaled_value_from_int_or_percent(value, total, round_up=False) == down


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "nil value for IntOrString"),
        ("5", "invalid value for IntOrString: invalid type: string is not a percentage"),
        (
            "a%",
            'invalid value for IntOrString: invalid value "a%": strconv.Atoi: parsing "a": invalid syntax',
        ),
    ],
)
def test_scaled_value_errors(value, message):
    with pytest.raises(intstr.IntOrStringError) as caught:
        intstr.get_scaled_value_from_int_or_percent(value, 10, round_up=True)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [None, True, "x"]}, "map[a:[<nil> true x] b:1]"),
        (1.0, "1"),
        (0.25, "0.25"),
        (1e21, "1e+21"),
        (1e-7, "1e-07"),
    ],
)
def test_go_values(value, text):
    assert gotext.go_value(value) == text


def test_go_quote():
    assert gotext.go_quote('a"b\\\n\x01é\u2028') == '"a\\"b\\\\\\n\\x01é\\u2028"'
