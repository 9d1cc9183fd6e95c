"""quantity.json: kcsim.api.quantity."""

from __future__ import annotations

from kcsim.api import quantity


def parse_error(case):
    try:
        quantity.parse(case["text"])
    except quantity.QuantityError as error:
        return {"error": str(error)}
    return {}


def round_up(case):
    rounded, exact = quantity.parse(case["text"]).round_up(case["scale"])
    return {"canonical": str(rounded), "exact": exact}


def two(method):
    return lambda case: {
        "canonical": str(getattr(quantity.parse(case["a"]), method)(quantity.parse(case["b"])))
    }


ADAPTERS = {
    "parseCanonical": lambda case: {"canonical": quantity.canonical(case["text"])},
    "parseError": parse_error,
    "parseParts": lambda case: quantity.parse_quantity_string(case["text"])._asdict(),
    "roundUp": round_up,
    "compare": lambda case: {"cmp": quantity.parse(case["a"]).compare(quantity.parse(case["b"]))},
    "add": two("add"),
    "sub": two("sub"),
    "neg": lambda case: {"canonical": str(quantity.parse(case["a"]).neg())},
    "mul": lambda case: {"canonical": str(quantity.parse(case["a"]).mul(case["b"]))},
    "format": lambda case: {
        "canonical": quantity.format_quantity(case["value"], case["format"], case["scale"])
    },
    "approximateFloat": lambda case: {"value": quantity.parse(case["text"]).as_approximate_float64()},
}
