"""Parts of the screens that need none: the command bar's grammar, the key bar's choice, breaking lines, the palette."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.faults import FAULTS
from kcsim.scenario.load import loads
from kcsim.tui.asks import faults
from kcsim.tui.asks.commands import BadCommand, Own, ShowKind, Typed, complete, parse
from kcsim.tui.asks.lines import wrapped, yaml_lines
from kcsim.tui.asks.pages import Want
from kcsim.tui.asks.topology import topology
from kcsim.tui.hands import in_words
from kcsim.tui.session import scenario_name
from kcsim.tui.widgets.columns import evenly, fit, shortened
from kcsim.tui.widgets.keybar import Shown, fitting
from tests.tui.worlds import SMALL, rest, small


@pytest.fixture(scope="module")
def session():
    world = small()
    world.go_to(2 * MINUTE)
    return rest(world)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("pods", ShowKind("pods", None)),
        (":po", ShowKind("po", None)),
        ("deploy shop", ShowKind("deploy", "shop")),
        ("dp -n shop", ShowKind("deployments", "shop")),
        ("pod /web", ShowKind("pod", None, "web")),
        ("pod app=web shop", ShowKind("pod", "shop", "-l app=web")),
        ("pods -A -l app=web", ShowKind("pods", None, "-l app=web")),
        ("pods all", ShowKind("pods", None, "")),
        ("kubectl get pods", Typed("kubectl", "get pods", reads=True)),
        ("get pods -A", Typed("kubectl", "get pods -A", reads=True)),
        (
            "kubectl scale deploy/web --replicas=2",
            Typed("kubectl", "scale deploy/web --replicas=2", reads=False),
        ),
        ("flux get kustomizations", Typed("flux", "get kustomizations", reads=True)),
        ("flux suspend kustomization shop", Typed("flux", "suspend kustomization shop", reads=False)),
        ("gh run list", Typed("gh", "run list", reads=True)),
        ("gh run rerun 1", Typed("gh", "run rerun 1", reads=False)),
        ("q", Own("quit", "")),
        ("goto 5m", Own("goto", "5m")),
        ("save", Own("save", "")),
    ],
)
def test_the_command_bar_understands(session, text, command):
    assert parse(session, text) == command


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "type a kind"),
        ("podz", "did you mean"),
        ("kubectl frobnicate", "unknown command"),
        ("kubectl exec web -- sh", "does not model"),
        ("kubectl get 'pods", "No closing quotation"),
        ("flux frobnicate", "unknown command"),
        ("gh pr list", "`gh run list` and `gh run rerun RUN` are modelled"),
        ("gh run rerun", "`<run-id>` or `--job` required"),
        ("gh run rerun --failed 1", "a run is run again as a whole"),
        ("gh run rerun first", "gh run list shows their numbers"),
        ("pods -n", "needs something after it"),
        ("pods -o wide", "is not understood after pods"),
    ],
)
def test_the_command_bar_says_what_it_does_not_understand(session, text, says):
    with pytest.raises(BadCommand, match=says):
        parse(session, text)


def test_logs_are_read_at_once_and_take_no_part(session):
    name = session.play.list("pods", "shop")[0]["metadata"]["name"]
    assert parse(session, f"logs {name} -n shop") == Typed("kubectl", f"logs {name} -n shop", reads=True)
    before = len(session.play.trace), dict(session.play.cluster().server.asked)
    outcome = session.read(f"logs {name} -n shop --timestamps")
    assert outcome.exit_code == 0, outcome.text
    assert session.read(f"logs {name} -n shop -f").exit_code == 1, "it would wait"
    assert (len(session.play.trace), dict(session.play.cluster().server.asked)) == before
    session.look_at(100 * SECOND)
    assert "look at the present" in session.read(f"logs {name} -n shop").text
    session.look_at(None)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("kub", "kubectl"),
        ("kubectl sc", "kubectl scale"),
        ("kubectl scale deploym", "kubectl scale deployment"),
        ("kubectl scale deployment/w", "kubectl scale deployment/web"),
        ("kubectl get pods -n sh", "kubectl get pods -n shop"),
        ("kubectl rollout re", "kubectl rollout restart"),
        ("deploy sh", "deploy shop"),
        ("", None),
        ("kubectl ", None),
        ("nosuch", None),
        ("kubectl get gadget/x", None),
    ],
)
def test_tab_completes_words(session, text, whole):
    assert complete(session, text) == whole


def test_the_key_bar_leaves_out_what_does_not_fit_but_never_help():
    keys = [Shown(str(i), str(i), "something", f"act{i}") for i in range(9)] + [
        Shown("?", "?", "help", "help")
    ]
    for width in range(8, 130):
        chosen = fitting(keys, width)
        assert chosen[-1].action == "help"
        assert sum(key.width + 2 for key in chosen) <= width


@pytest.mark.parametrize("width", [10, 17, 40, 200])
def test_broken_lines_hold_every_word_and_keep_the_width(width):
    line = (("    because ", "dim"), ("node-2 loses power while ", "key"), ("everybody sleeps", ""))
    parts = ["".join(text for text, _ in part) for part in wrapped(line, width)]
    assert all(len(part) <= width for part in parts)
    assert "".join("".join(parts).split()) == "becausenode-2losespowerwhileeverybodysleeps"


def test_yaml_keys_are_told_from_values():
    (line,) = yaml_lines('  image: "registry.example/web:1"')
    assert [style for _, style in line] == ["", "key", ""]
    assert "".join(text for text, _ in line) == '  image: "registry.example/web:1"'
    assert yaml_lines("- just a value") == [(("- just a value", ""),)]


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_of_the_palette_has_targets_and_reads_back_as_yaml(session, kind):
    text = Path(SMALL).read_text(encoding="utf-8")
    said = {"label": "app", "patch": '\'{"spec": {"replicas": 3}}\''}
    hit = {}
    for field in faults.fields_of(kind):
        offered = faults.targets(session, kind, field)
        if offered:
            value, _, space = offered[0].value.partition(" ")
            hit[field] = offered[0].value if field != "object" else value
            if space and field == "object":
                hit["namespace"] = space
        elif field in said:
            hit[field] = said[field]
        else:
            pytest.skip(f"this world has no {field}")
    hit = {field: value for field, value in hit.items() if value != faults.ALL}
    plan = faults.plan(session, kind, hit, 2 * MINUTE)
    if isinstance(plan, str):
        assert kind == "suspend-forgotten", plan  # this delivery has nothing to suspend
        return
    assert plan.reach
    again = loads(text.replace("timeline:\n", f"timeline:\n  {plan.line}\n"))
    assert again.timeline[0] == plan.entry, plan.line
    assert kind in in_words(plan.entry)
    for name in faults.settings_of(kind):
        assert faults.camel(name)


def test_settings_of_a_fault_are_checked_as_a_file_is(session):
    hit = {"client": "flux"}
    plan = faults.plan(session, "api-latency", {**hit, **faults.settings_in("delay=2s")}, None)
    assert not isinstance(plan, str)
    assert plan.entry.delay == 2_000_000
    with pytest.raises(ValueError, match="no setting"):
        faults.settings_in("fast")
    wrong = faults.plan(session, "api-latency", {**hit, "delay": "soon"}, None)
    assert isinstance(wrong, str)
    assert "soon" in wrong


def test_a_fault_of_a_node_reaches_its_pods_and_what_they_serve(session):
    nodes = {pod["spec"]["nodeName"] for pod in session.look.objects("pods", "shop")}
    lines = "\n".join(faults.reach(session, "node-crash", {"node": min(nodes)}))
    assert "of users" in lines
    assert "pod/web-" in lines


@pytest.mark.parametrize(
    ("path", "name"),
    [("by hand.yaml", "by-hand"), ("Ä.yaml", "by-hand"), ("a_b-2.yml", "a-b-2"), ("x" * 80, "x" * 63)],
)
def test_a_saved_story_is_named_after_its_file(path, name):
    assert scenario_name(Path(path)) == name


HEADER = ("NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE")
NEEDED = [11, 37, 5, 16, 14, 5]


@pytest.mark.parametrize(
    ("room", "fitted"),
    [
        (200, [11, 37, 5, 16, 14, 5]),
        (90, [11, 29, 5, 16, 14, 5]),
        (75, [11, 24, 5, 16, 14, 5]),
        (50, [11, 12, 5, 16, 14, 5]),
        (40, [9, 9, 5, 16, 14, 5]),
    ],
)
def test_names_give_way_and_what_tells_how_things_stand_does_not(room, fitted):
    assert fit(HEADER, NEEDED, room) == fitted


@pytest.mark.parametrize(
    ("room", "fitted"), [(100, [20, 1, 35, 35]), (40, [12, 1, 9, 9]), (12, [12, 1, 1, 1])]
)
def test_what_is_compared_stands_in_columns_of_one_width(room, fitted):
    assert evenly([20, 1, 50, 9], 2, room) == fitted


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (40, "kustomize-controller-8db7bcd4f-fcbsh"),
        (24, "kustomize-control…-fcbsh"),
        (12, "kusto…-fcbsh"),
        (9, "kustomiz…"),
    ],
)
def test_a_name_is_shortened_in_its_middle(size, text):
    assert shortened("kustomize-controller-8db7bcd4f-fcbsh", size) == text
    assert len(text) <= size


def test_a_row_of_the_topology_is_found_by_its_key(session):
    whole = topology(session, Want(height=500))
    assert whole.count == len(whole.rows)
    kinds = [row.cells[1] for row in whole.rows]
    assert {"node", "pod", "service"} <= set(kinds)
    for place, row in enumerate(whole.rows):
        assert topology(session, Want(height=1, cursor=0, key=row.key)).cursor == place
    assert whole.note == "2 nodes, 1 Service"
