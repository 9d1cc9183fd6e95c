"""What the mutations found, each as one small change of the file that holds every field: told where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.cli.exits import Exit
from kcsim.cli.main import main

EVERYTHING = (Path(__file__).parent / "files" / "everything.yaml").read_text(encoding="utf-8")

# id: (old text, new text, the place of the fault: line of the new text and its code, a word of the message)
FOUND = {
    "an image's name that is no reference": (
        "- name: shop/job:1",
        "- name: ~nobody/x",
        "KC104",
        "no image reference",
    ),
    "an image's name of several lines": (
        "- name: shop/job:1",
        '- name: "a\\nb"',
        "KC104",
        "no image reference",
    ),
    "a rule without API groups": ('apiGroups: ["*"], ', "apiGroups: [], ", "KC104", "not empty"),
    "a rule of numbers": ('verbs: ["*"]', "verbs: [1]", "KC104", "not empty"),
    "a rule with a foreign field": ('verbs: ["*"]', 'verbs: ["*"], verb: x', "KC104", "RBAC rule"),
    "a user that no binding can be named after": ("user: robot", "user: a/b", "KC104", "may not contain '/'"),
    "a namespace with a dot": ("namespaces: [shop]", "namespaces: [shop.eu]", "KC104", "shop.eu"),
    "a namespace of Flux with a dot": (
        "namespace: flux-system",
        "namespace: flux.system",
        "KC104",
        "flux.system",
    ),
    "a thousand million runners": ("runners: 2", "runners: 1000000000", "KC104", "no CI system has so many"),
    "an interval that Flux cannot write": ("      interval: 5s", "      interval: 5us", "KC104", "below 1ms"),
    "a timeout that Flux cannot write": ("        timeout: 5s", "        timeout: 5us", "KC104", "below 1ms"),
    "a delivery named like a path": ("\n  push:\n", '\n  "../push":\n', "KC104", "no name for a delivery"),
}


@pytest.mark.parametrize("row", FOUND)
def test_it_is_told_where_it_is_written(row, tmp_path, capsys):
    old, new, code, word = FOUND[row]
    assert EVERYTHING.count(old) >= 1
    text = EVERYTHING.replace(old, new, 1)
    path = tmp_path / "spoiled.yaml"
    path.write_text(text, encoding="utf-8")
    assert main(["check", str(path)]) == Exit.BAD_INPUT
    told = capsys.readouterr().err
    line = text[: text.index(new) + len(new) - len(new.lstrip("\n"))].count("\n") + 1
    heads = [head for head in told.splitlines() if f" {code} " in head and word in head]
    assert heads, told
    assert abs(int(heads[0].removeprefix(f"{path}:").partition(":")[0]) - line) <= 2, heads[0]
    assert main(["run", str(path), "--quiet"]) == Exit.BAD_INPUT


def test_the_file_itself_is_played_to_its_end(capsys):
    path = Path(__file__).parent / "files" / "everything.yaml"
    assert main(["check", str(path)]) == Exit.OK
    assert main(["run", str(path), "--json"]) in {Exit.OK, Exit.EXPECTATION_FAILED}
    assert capsys.readouterr().err == ""
