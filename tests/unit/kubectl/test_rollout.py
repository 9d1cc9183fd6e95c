"""kubectl rollout: status while it happens, history, undo, restart, pause."""

from __future__ import annotations


def test_status_tells_each_step_once_and_ends_with_success(web):
    web("set image deploy/web app=registry.example/app:2")
    lines = web("rollout status deploy/web").splitlines()
    assert lines[0] == "Waiting for deployment spec update to be observed..."
    assert lines[-1] == 'deployment "web" successfully rolled out'
    assert len(set(lines)) == len(lines)
    assert all(line.startswith("Waiting for deployment") for line in lines[:-1])


def test_status_gives_up_at_its_timeout(web, sim):
    sim.inject("node-crash", "node-1")
    sim.inject("node-crash", "node-2")
    web("set image deploy/web app=registry.example/app:2")
    assert web.fails("rollout status deploy/web --timeout 5s").endswith(
        "error: timed out waiting for the condition\n"
    )


def test_history_undo_and_back(web, sim):
    web("set image deploy/web app=registry.example/app:2")
    web("rollout status deploy/web")
    assert web("rollout history deploy/web") == (
        "deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n\n"
    )
    assert "    Image:\tregistry.example/app:1\n" in web("rollout history deploy/web --revision 1")
    assert web("rollout undo deploy/web") == "deployment.apps/web rolled back\n"
    web("rollout status deploy/web")
    assert (
        sim.get("deployment/web")["spec"]["template"]["spec"]["containers"][0]["image"]
        == "registry.example/app:1"
    )
    assert web.fails("rollout undo deploy/web --to-revision 9") == (
        "error: unable to find specified revision 9 in history\n"
    )


def test_restart_replaces_the_pods(web, sim):
    before = {p["metadata"]["name"] for p in sim.list("pods", "default")}
    assert web("rollout restart deploy/web") == "deployment.apps/web restarted\n"
    web("rollout status deploy/web")
    living = [p for p in sim.list("pods", "default") if "deletionTimestamp" not in p["metadata"]]
    assert not before & {p["metadata"]["name"] for p in living}


def test_a_paused_rollout_stands_still(web):
    assert web("rollout pause deploy/web") == "deployment.apps/web paused\n"
    assert web.fails("rollout pause deploy/web") == 'error: deployments.apps "web" is already paused\n'
    assert "can't restart paused deployment" in web.fails("rollout restart deploy/web")
    assert web("rollout resume deploy/web") == "deployment.apps/web resumed\n"


def test_kinds_that_do_not_roll_out_are_named(web):
    web("create cm conf")
    assert (
        web.fails("rollout status cm/conf") == "error: no status viewer has been implemented for ConfigMap\n"
    )
    assert web.fails("rollout restart cm/conf") == 'error: configmaps "conf" restarting is not supported\n'


def test_status_may_look_only_once(web, sim):
    web("set image deploy/web app=registry.example/app:2")
    before = sim.now
    assert (
        web("rollout status deploy/web -w=false") == "Waiting for deployment spec update to be observed...\n"
    )
    assert (
        web("rollout status deploy/web --watch=false")
        == "Waiting for deployment spec update to be observed...\n"
    )
    assert sim.now == before


def test_status_of_one_revision_ends_when_another_is_live(web):
    assert web("rollout status deploy/web --revision=1") == 'deployment "web" successfully rolled out\n'
    assert web.fails("rollout status deploy/web --revision=3") == (
        "error: desired revision (3) is different from the running revision (1)\n"
    )


def test_status_of_what_is_deleted_meanwhile(web, sim):
    sim.inject("registry-outage")
    web("set image deploy/web app=registry.example/app:2")
    sim.engine.after(2_000_000, lambda: sim.kubectl("delete deploy web --wait=false"))
    assert web.fails("rollout status deploy/web").endswith("error: object has been deleted\n")


def test_a_timeout_is_a_duration(web):
    assert "invalid duration" in web.fails("rollout status deploy/web --timeout=soon")


def test_each_says_what_it_did_as_asked(web):
    assert web("rollout restart deploy/web -o name") == "deployment.apps/web\n"
    assert web("rollout pause deploy/web -o jsonpath={.spec.paused}") == "true"
    assert "paused:" not in web("rollout resume deploy/web -o yaml")
    web("rollout status deploy/web")
    template = "{.spec.template.metadata.annotations}"
    assert "restartedAt" in web(f"rollout undo deploy/web -o jsonpath={template}")
    assert web(f"get deploy/web -o jsonpath={template}") == ""


def test_an_undo_that_is_only_tried_by_the_client_prints_the_template(web):
    web("set image deploy/web app=registry.example/app:2")
    web("rollout status deploy/web")
    tried = web("rollout undo deploy/web --dry-run=client")
    assert tried.startswith("deployment.apps/web Pod Template:\n  Labels:\tapp=web\n")
    assert "    Image:\tregistry.example/app:1\n" in tried
    assert tried.endswith(" (dry run)\n")
    assert "app:2" in web("get deploy/web -o jsonpath={..image}")
    assert web("rollout undo deploy/web --dry-run=server") == (
        "deployment.apps/web rolled back (server dry run)\n"
    )
