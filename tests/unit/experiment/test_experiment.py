"""Experiments of the Chaos Toolkit: read, refused where it is wrong, and played with a journal as it would write it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kcsim.cli.main import main
from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.experiment import read_experiment, run_experiment
from kcsim.scenario.play import load


def python(module: str, func: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "python", "module": module, "func": func, "arguments": arguments}


def activity(kind: str, name: str, provider: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "provider": provider, **more}


HEALTHY = activity(
    "probe",
    "healthy",
    python("chaosk8s.deployment.probes", "deployment_available_and_healthy", name="web", ns="shop"),
    tolerance=True,
)
ANSWERS = activity("probe", "answers", {"type": "http", "url": "http://web.shop"}, tolerance=200)
CRASH = activity("action", "crash", python("kcsim.faults", "node-crash", node="node-2", duration="20m"))
HEAL = activity("action", "heal", {"type": "python", "module": "kcsim.faults", "func": "heal_all"})


def document(**more: Any) -> dict[str, Any]:
    return {
        "version": "1.0.0",
        "title": "An experiment",
        "steady-state-hypothesis": {"title": "Up", "probes": [HEALTHY, ANSWERS]},
        "method": [],
        "rollbacks": [HEAL],
        **more,
    }


def played(begin: str = "8m", **more: Any) -> tuple[dict[str, Any], Any]:
    experiment = read_experiment(json.dumps(document(**more)), "experiment.json")
    sim = load("plain-release", delivery="flux")
    sim.run_until(begin)
    return run_experiment(experiment, sim), sim


def test_a_steady_state_that_holds_all_the_way():
    journal, sim = played(method=[{**CRASH, "pauses": {"before": 5, "after": 420}}])
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    assert journal["steady_states"]["before"]["steady_state_met"]
    (run,) = journal["run"]
    assert (run["status"], run["output"]) == ("succeeded", "node-crash/node-2")
    assert run["start"].startswith("2026-01-01T00:08:05")
    assert 425 <= journal["duration"] < 426
    assert journal["rollbacks"][0]["output"] == ["node-crash/node-2"]
    assert sim.world.network.is_up("node-2")


def test_lists_of_controls_and_extensions_that_are_empty_ask_for_nothing():
    method = [{**CRASH, "controls": [], "pauses": {"after": 420}}]
    journal, _ = played(method=method, controls=[], extensions=[])
    assert journal["status"] == "completed"


def test_a_deviation_fails_the_experiment_and_rollbacks_are_not_played_by_default():
    method = [
        activity(
            "action",
            "gone",
            python("chaosk8s.deployment.actions", "scale_deployment", name="web", replicas=0, ns="shop"),
            pauses={"after": 30},
        ),
    ]
    journal, _ = played(method=method)
    assert (journal["status"], journal["deviated"]) == ("failed", True)
    after = journal["steady_states"]["after"]
    assert [p["tolerance_met"] for p in after["probes"]] == [False]
    assert after["probes"][0]["exception"][0].endswith("Deployment 'web' is not healthy\n")
    assert journal["rollbacks"] == []
    always, _ = played(method=method, runtime={"rollbacks": {"strategy": "always"}})
    assert always["rollbacks"]


def test_a_world_that_is_not_steady_is_left_alone():
    journal, sim = played("1s", method=[CRASH])
    assert (journal["status"], journal["deviated"]) == ("failed", False)
    assert journal["run"] == []
    assert sim.world.faults == []


def test_an_activity_that_fails_is_noted_and_the_method_goes_on():
    method = [
        activity("action", "nowhere", python("kcsim.faults", "node-crash", node="node-9")),
        activity(
            "probe", "pods", python("chaosk8s.pod.probes", "count_pods", label_selector="app=web", ns="shop")
        ),
    ]
    journal, _ = played(method=method)
    assert [run["status"] for run in journal["run"]] == ["failed", "succeeded"]
    assert "no node 'node-9'" in journal["run"][0]["exception"][0]
    assert journal["run"][1]["output"] == 3
    assert journal["status"] == "completed"


def test_kubectl_is_a_process_and_its_output_can_be_judged():
    probe = activity(
        "probe",
        "replicas",
        {
            "type": "process",
            "path": "/usr/bin/kubectl",
            "arguments": ["get", "deploy", "web", "-n", "shop", "-o", "json"],
        },
        tolerance={"type": "jsonpath", "path": "$.spec.replicas", "expect": 3, "target": "stdout"},
    )
    journal, _ = played(**{"steady-state-hypothesis": {"title": "Three", "probes": [probe]}})
    assert journal["status"] == "completed"


def test_references_and_variables_are_followed():
    journal, _ = played(
        title="Lose ${node}",
        configuration={"node": "node-3", "wait": 30},
        method=[
            activity(
                "action",
                "crash",
                python("kcsim.faults", "node-crash", node="${node}"),
                pauses={"after": "${wait}"},
            ),
            {"ref": "answers"},
        ],
    )
    assert journal["experiment"]["title"] == "Lose node-3"
    assert journal["run"][0]["output"] == "node-crash/node-3"
    assert journal["run"][1]["activity"]["name"] == "answers"
    assert journal["run"][1]["start"] > "2026-01-01T00:08:30"


@pytest.mark.parametrize(
    ("module", "func", "arguments", "output"),
    [
        ("chaosk8s.pod.probes", "pods_in_phase", {"label_selector": "app=web", "ns": "shop"}, True),
        ("chaosk8s.pod.probes", "count_min_pods", {"label_selector": "app=web", "ns": "shop", "min_count": 4}, False),
        ("chaosk8s.pod.probes", "all_pods_healthy", {"ns": "shop"}, True),
        ("chaosk8s.pod.probes", "pod_is_not_available", {"name": "web", "ns": "shop"}, True),
        ("chaosk8s.pod.probes", "pods_not_in_phase", {"label_selector": "app=web", "ns": "shop", "raise_on_in_phase": False}, False),
        ("chaosk8s.pod.probes", "pods_in_conditions", {"label_selector": "app=web", "ns": "shop", "conditions": [{"type": "Ready", "status": "True"}]}, True),
        ("chaosk8s.deployment.probes", "deployment_partially_available", {"name": "web", "ns": "shop"}, True),
        ("chaosk8s.deployment.probes", "deployment_not_fully_available", {"name": "web", "ns": "shop", "timeout": 3, "raise_on_fully_available": False}, False),
        ("chaosk8s.service.probes", "service_is_initialized", {"name": "web", "ns": "shop"}, True),
        ("chaosk8s.probes", "microservice_available_and_healthy", {"name": "web", "ns": "shop"}, True),
        ("chaosk8s.node.actions", "cordon_node", {"name": "node-1"}, None),
        ("chaosk8s.deployment.actions", "rollout_deployment", {"name": "web", "ns": "shop"}, None),
    ],
)  # fmt: skip
def test_functions_of_chaostoolkit_kubernetes(module, func, arguments, output):
    kind = "action" if module.endswith("actions") else "probe"
    journal, _ = played(method=[activity(kind, "it", python(module, func, **arguments))])
    assert journal["run"][0]["status"] == "succeeded", journal["run"][0]
    assert journal["run"][0]["output"] == output


def test_pods_are_terminated_as_asked_and_at_random_from_the_seed():
    method = [activity("action", "kill", python("chaosk8s.pod.actions", "terminate_pods", label_selector="app=web", ns="shop", rand=True, mode="percentage", qty=50))]  # fmt: skip
    one, sim = played(method=method)
    two, _ = played(method=method)
    assert one["run"] == two["run"]
    killed = one["run"][0]["output"]
    assert len(killed) == 2
    assert {
        r.actor for r in sim.trace.records if r.subject == f"pod/shop/{killed[0]}" and r.verb == "update"
    } >= set()
    assert any(r.actor == "chaos" and killed[0] in r.subject for r in sim.trace.records)


# --- what is refused --------------------------------------------------------------------------------------------

BASE = """\
title: An experiment
method:
  - type: action
    name: crash
    provider: {type: python, module: kcsim.faults, func: node-crash, arguments: {node: node-2}}
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("title: An experiment\n", "", "1:1: KC802", "needs a title"),
        ("method:", "methods:", "2:1: KC802", "no field 'methods'\n  did you mean 'method'"),
        ("type: action", "type: acton", "3:11: KC802", "a probe or an action, not 'acton'"),
        ("    name: crash\n", "", "3:5: KC802", "an activity needs name"),
        ("node-crash", "node-crsh", "5:58: KC803", "did you mean 'node-crash'"),
        ("node: node-2", "node: node-2, nth: 2", "5:81: KC803", "node-crash takes no nth"),
        ("module: kcsim.faults", "module: kcsim.fualts", "5:38: KC803", "does not run the Python module 'kcsim.fualts'"),
        ("module: kcsim.faults", "module: os", "5:38: KC803", "does not run the Python module 'os'"),
        ("kcsim.faults, func: node-crash", "chaosk8s.pod.actions, func: terminate", "5:66: KC803", "did you mean 'terminate_pods'"),
        ("kcsim.faults, func: node-crash", "chaosk8s.pod.actions, func: terminate_pods", "5:93: KC803", "unexpected keyword argument 'node'"),
        ("{type: python, module", "{type: shell, module", "5:22: KC803", "no provider of type 'shell'"),
        ("{type: python, module: kcsim.faults", "{type: process, path: rm", "5:37: KC803", "kcsim runs no processes: 'rm'"),
        ("{type: python, module: kcsim.faults", "{type: http, method: POST, url: http://web.shop", "5:36: KC803", "answer GET alike"),
        ("node-2}", "'${where}'}", "5:15: KC802", "nothing says what ${where} is"),
        ("name: crash\n", "name: crash\n    background: true\n", "5:5: KC803", "nothing runs in the background"),
        ("name: crash\n", "name: crash\n    pauses: {after: soon}\n", "5:21: KC802", "a pause is a number of seconds"),
        ("method:\n", "method:\n  - ref: crsh\n", "3:10: KC802", "no activity is named 'crsh'\n  did you mean 'crash'"),
        ("method:\n", "controls: [{name: mine}]\nmethod:\n", "2:1: KC803", "plays no controls"),
        ("method:\n", "runtime: {rollbacks: {strategy: sometimes}}\nmethod:\n", "2:33: KC803", "no rollbacks strategy 'sometimes'"),
        ("method:\n", "configuration: {ns: {type: env, key: NS}}\nmethod:\n", "2:17: KC803", "--var ns=VALUE"),
        ("method:\n", "steady-state-hypothesis: {title: x, probes: [{ref: crash}]}\nmethod:\n", "2:46: KC802", "has no tolerance"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_told_where_it_is_written(old, new, place, words):
    assert old in BASE
    with pytest.raises(ScenarioError) as refused:
        read_experiment(BASE.replace(old, new, 1), "experiment.yaml")
    told = str(refused.value)
    assert f"experiment.yaml:{place}" in told, told
    assert words in told, told


def test_json_with_tabs_is_json():
    text = json.dumps(document(), indent="\t")
    assert read_experiment(text, "experiment.json").title == "An experiment"
    with pytest.raises(ScenarioError, match=r"experiment.json:1:1: KC802"):
        read_experiment("[]", "experiment.json")


def test_the_command_writes_the_journal_and_tells_by_its_exit_code(tmp_path, capsys):
    path, journal = tmp_path / "experiment.json", tmp_path / "journal.json"
    path.write_text(json.dumps(document(method=[{**CRASH, "pauses": {"after": 420}}])))
    line = ["chaos", "run", str(path), "--scenario", "plain-release", "-d", "flux", "--at", "8m"]
    assert main([*line, "--journal-path", str(journal)]) == 0
    assert json.loads(journal.read_text())["status"] == "completed"
    assert "completed after 420" in capsys.readouterr().out
    assert main([*line[:-1], "1s", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "failed"
    assert main(["chaos", "run", str(tmp_path / "none.json"), "--scenario", "plain-release"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"qty": "x"}, "terminate_pods(qty='x', ns='shop'): TypeError: "),
        ({"name_pattern": "("}, "error: missing )"),
    ],
)
def test_an_argument_that_the_function_cannot_take_fails_the_activity_and_not_the_run(given, told):
    action = activity("action", "kill", python("chaosk8s.pod.actions", "terminate_pods", **given, ns="shop"))
    journal, _ = played(method=[action])
    (run,) = journal["run"]
    assert run["status"] == "failed"
    assert told in run["exception"][0]


def test_the_command_lists_and_draws_faults(capsys):
    assert main(["chaos", "faults"]) == 0
    assert "node-crash" in capsys.readouterr().out
    assert main(["chaos", "faults", "pod-network-loss"]) == 0
    assert "loss: The share of packets" in capsys.readouterr().out
    assert main(["chaos", "faults", "node-crsh"]) == 2
    assert "did you mean 'node-crash'" in capsys.readouterr().err
    assert main(["chaos", "draw", "plain-release", "--seed", "7", "--fault", "node-crash"]) == 0
    out = capsys.readouterr().out
    assert out.count('fault: "node-crash"') == 6


def test_the_command_tries_orders_and_tells_which_one_fails(tmp_path, capsys):
    line = ["chaos", "orders", "plain-release", "-d", "flux", "--from", "10m", "--depth", "2", "--limit", "3"]
    assert main(line) == 0
    assert "3 orders of the first 2 choices after 10m: ✓" in capsys.readouterr().out
    story = tmp_path / "s.yaml"
    text = to_yaml(load("plain-release").scenario)
    story.write_text(
        text[: text.index("expectations:")] + "expectations:\n  - {name: late, never: now() > 60}\n"
    )
    assert main([*line[:2], str(story), *line[3:-1], "1"]) == 1
    out = capsys.readouterr().out
    assert f"✗ failed late: kcsim run {story} --order choices:@1ms" in out
    assert main([*line[:6], "3h"]) == 2
