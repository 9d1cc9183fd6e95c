"""kubectl rollout for StatefulSets and DaemonSets, whose history is in ControllerRevisions."""

from __future__ import annotations

import pytest

SETS = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: db}}
spec:
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      containers:
      - {{name: app, image: "registry.example/app:1"}}
"""


@pytest.fixture(params=[("StatefulSet", "sts", "statefulset.apps"), ("DaemonSet", "ds", "daemonset.apps")])
def db(k, request):
    """(the terminal, the short name of the kind, its full name), with the set rolled out."""
    kind, short, full = request.param
    k.simulation.run("1m")  # a DaemonSet counts nodes, which must be ready first
    k("apply -f -", stdin=SETS.format(kind=kind))
    k(f"rollout status {short}/db")
    return k, short, full


def image(k, short):
    return k(f"get {short} db -o jsonpath={{.spec.template.spec.containers[0].image}}").rpartition(":")[2]


def test_history_and_undo(db):
    k, short, full = db
    k(f"set image {short}/db app=registry.example/app:2")
    k(f"rollout status {short}/db")
    table = f"{full}/db \nREVISION  CHANGE-CAUSE\n{{}}         <none>\n{{}}         <none>\n\n"
    assert k(f"rollout history {short}/db") == table.format(1, 2)
    shown = k(f"rollout history {short}/db --revision 1")
    assert shown.startswith(f"{full}/db with revision #1\nPod Template:\n  Labels:\tapp=db\n  Containers:\n")
    assert "    Image:\tregistry.example/app:1\n" in shown
    assert k(f"rollout undo {short}/db --dry-run=server") == f"{full}/db rolled back (server dry run)\n"
    assert image(k, short) == "2"
    assert k(f"rollout undo {short}/db") == f"{full}/db rolled back\n"
    k(f"rollout status {short}/db")
    assert image(k, short) == "1"
    assert k(f"rollout history {short}/db") == table.format(2, 3)


def test_what_undo_refuses_and_skips(db):
    k, short, full = db
    assert k.fails(f"rollout undo {short}/db") == "error: no last revision to roll back to\n"
    assert (
        k.fails(f"rollout undo {short}/db --to-revision 9")
        == "error: unable to find specified revision 9 in history\n"
    )
    skipped = f"{full}/db skipped rollback (current template already matches revision 1)\n"
    assert k(f"rollout undo {short}/db --to-revision 1") == skipped
    assert (
        k.fails(f"rollout history {short}/db --revision 9")
        == "error: unable to find the specified revision\n"
    )


def test_restart_makes_new_pods(db):
    k, short, full = db
    before = k("get pods -l app=db -o jsonpath={.items[*].metadata.uid}")
    assert before
    assert k(f"rollout restart {short}/db") == f"{full}/db restarted\n"
    k(f"rollout status {short}/db")
    after = k("get pods -l app=db -o jsonpath={.items[*].metadata.uid}")
    assert not set(before.split()) & set(after.split())


def test_status_tells_of_partitions(k):
    k("apply -f -", stdin=SETS.format(kind="StatefulSet"))
    assert k("rollout status sts/db").splitlines()[-1] == (
        "partitioned roll out complete: 1 new pods have been updated..."
    )


def test_other_kinds_have_no_history(k):
    k("create configmap conf")
    for what, text in (("history", "history viewer"), ("undo", "rollbacker")):
        refusal = k.fails(f"rollout {what} cm/conf")
        assert refusal == f'error: no {text} has been implemented for "ConfigMap"\n'
