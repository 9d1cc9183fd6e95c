"""Every kind of fault of a scenario file: its code, the place it points at, its remedy. One row, one fault."""

import subprocess
from pathlib import Path

import pytest

from kcsim.scenario.diagnostics import CODES, ScenarioError
from kcsim.scenario.load import Loaded, examine, examine_text, load, loads

INGRESS = """\
      deploy/ingress.yaml: |
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web, namespace: shop}
        spec:
          ingressClassName: nginx
          rules:
            - host: shop.example
              http:
                paths:
                  - {path: /, pathType: Prefix, backend: {service: {name: wbe, port: {number: 80}}}}
"""

POLICY = """\
      deploy/policy.yaml: |
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: web, namespace: shop}
        spec:
          podSelector: {}
          ingress:
            - from: [{ipBlock: {cidr: 10.0.0.300/8}}]
"""
NET = "cluster:\n  network:\n"

# id, old text, new text, code, text the position points at (its last occurrence), words of message or remedy
CASES = [
    ("tab", "  nodes:\n", "\tnodes:\n", "KC004", "\tnodes", "spaces"),
    ("unclosed", "{min: 10s, max: 20s}", "{min: 10s, max: 20s", "KC004", None, ""),
    ("deep", "seed: 3", "seed: " + "[" * 100 + "]" * 100, "KC005", None, "60 levels"),
    ("aliases", "seed: 3", "seed: 3\nx: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"x{n}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(6)), "KC005", None, "unfolded"),
    ("duplicate key", "seed: 3", "seed: 3\nseed: 4", "KC006", "seed: 4", "first in line 4"),
    ("complex key", "seed: 3", "? [a]\n: 3", "KC007", "[a]", ""),
    ("two documents", "seed: 3", "seed: 3\n---\nseed: 4", "KC008", "seed: 4\nuntil", "2 documents"),
    ("version", "kcsim/v1", "kcsim/v2", "KC009", "kcsim/v2", "Write apiVersion: kcsim/v1"),
    ("kind", "kind: Scenario", "kind: Story", "KC009", "Story", "Write kind: Scenario"),
    ("no version", "apiVersion: kcsim/v1\n", "", "KC009", "kind: Scenario", "missing"),
    ("ambiguous boolean", "wait: true", "wait: yes", "KC010", "yes", "true or false"),
    ("alias without anchor", "seed: 3", "seed: *nothing", "KC012", "*nothing", "anchor"),
    ("missing field", "      message: v2\n", "", "KC101", "edit:\n", "message"),
    ("misspelt field", "readyAfter: 5s", "readyAftr: 5s", "KC102", "readyAftr", "did you mean 'readyAfter'"),
    ("case of a field", "readyAfter: 5s", "ready_after: 5s", "KC102", "ready_after", "did you mean 'readyAfter'"),
    ("foreign field", "seed: 3", "sed: 3", "KC102", "sed: 3", "did you mean 'seed'"),
    ("wrong type", "timeline:\n", "timeline: 5\nx:\n", "KC103", "5\nx", "not a list"),
    ("text for number", "seed: 3", "seed: three", "KC104", "three", "not a count"),
    ("number for text", "message: v2", "message: 2", "KC103", "2\n      edit", 'Quote it: "2"'),
    ("text for list", "timeline:\n", "registry: {retention: [{keep: v1}]}\ntimeline:\n", "KC103", "v1}", "a list here: [v1]"),
    ("text for map", "seed: 3", "seed: 3\nregistry: mine", "KC103", "mine", "Write a map here, of retention"),
    ("map for text", "message: v2", "message: {kind: Pod}", "KC103", "{kind: Pod}", "`message: |`, and the map on the lines"),
    ("empty required", "message: v2", "message:", "KC103", None, "empty"),
    ("duration", "until: 1h", "until: 1 hour", "KC104", "1 hour", 'like "30s"'),
    ("duration without unit", "until: 1h", "until: 60", "KC104", "60", 'like "30s"'),
    ("rate", "rate: 2/s", "rate: 2", "KC104", "2\ntimeline", '"20/s"'),
    ("name", "name: shop\n    path", "name: Shop_1\n    path", "KC104", "Shop_1", "lower-case"),
    ("fraction", "name: build", "name: build\n          failureRate: 3", "KC104", "3\n          duration", "0 to 1"),
    ("choice", "type: flux", "type: fluxx", "KC104", "fluxx", "did you mean 'flux'"),
    ("profile", "seed: 3", "seed: 3\nprofile: 1.35", "KC104", "1.35", "1.36"),
    ("no delivery type", "    type: flux\n", "", "KC101", "kustomization: {interval", "type: flux"),
    ("image behaviour", "crashAfter: 3s", "crashAfter: 3s\n    exitsAfter: 4s", "KC104", "4s", "exclude each other"),
    ("no nodes", "  nodes:\n    - name: node-1\n      zone: a\n    - name: node-2\n", "  nodes: 0\n", "KC104", "0\nimages", "1 to"),
    ("two actions", "fault: node-crash", "fault: node-crash\n    kubectl: get pods", "KC105", "at: 20m", "one thing"),
    ("no action", "    flux: suspend kustomization shop\n", "", "KC105", "at: 31m", "nothing"),
    ("two demands", "always: success", 'never: "False"\n    always: success', "KC105", "name: served", "always and never"),
    ("stays without eventually", "always: success", "stays: 1m\n    always: success", "KC105", "stays", "eventually"),
    ("clone and files", "    path: deploy\n", "    path: deploy\n    clone: .\n", "KC105", "clone: .", "both"),
    ("cluster and clusters", "seed: 3", "seed: 3\nclusters: [{name: a}]", "KC105", "clusters", "both"),
    ("spread", "{min: 10s, max: 20s}", "{min: 10s, p99: 20s}", "KC105", "{min", "median"),
    ("spread backwards", "{min: 10s, max: 20s}", "{min: 30s, max: 20s}", "KC104", "{min", "shorter"),
    ("double name", "- name: shop/web:2", "- name: shop/web:1", "KC106", "shop/web:1\n    crash", "another image"),
    ("controller", "seed: 3", "seed: 3\ncontrollers: [{name: x, use: no.such:Thing}]", "KC214", "no.such:Thing", "folder/file.py"),
    ("controller's cluster", "seed: 3", "seed: 3\ncontrollers: [{name: x, use: kcsim.cluster.controllers.job.controller:JobController, cluster: other}]", "KC208", "other", "default"),
    ("repository", "message: v2", "message: v2\n      repository: shp", "KC201", "shp", "did you mean 'shop'"),
    ("delivery's repository", "type: flux", "type: flux\n    repository: shp", "KC201", "shp", "did you mean 'shop'"),
    ("node", "node: node-2", "node: node-3", "KC202", "node-3", "did you mean"),
    ("node of a drain", "scale deployment/web --replicas=1 -n shop", "drain nod-1", "KC202", "drain", "node-1"),
    ("node of an expression", 'always: success_rate("shoppers", "1m") >= 0.9', 'always: ready("node/node-9") == 1', "KC202", '"node/node-9"', "node-1"),
    ("image of a manifest", "                  image: shop/web:1", "                  image: shop/wbe:1", "KC203", "shop/wbe:1", "did you mean 'shop/web:1'"),
    ("image of kubectl", "scale deployment/web --replicas=1 -n shop", "set image deployment/web web=shop/web:9 -n shop", "KC203", "set image", "shop/web:2"),
    ("image changed", "flux: suspend kustomization shop", 'image: {name: "shop/web:7"}', "KC203", '"shop/web:7"', "shop/web:1"),
    ("image built", "builds: [shop/web]", "builds: [shop/wbe]", "KC203", "shop/wbe", "did you mean 'shop/web'"),
    ("traffic", 'rate("shoppers"', 'rate("shopper"', "KC204", '"shopper"', "did you mean 'shoppers'"),
    ("service", "to: service/web", "to: service/wbe", "KC205", "service/wbe", "web in namespace shop"),
    ("no service", "to: service/web", "to: deployment/web", "KC104", "deployment/web\n", "service/web"),
    ("service port", "rate: 2/s", "rate: 2/s\n    port: 8080", "KC212", "8080", "80"),
    ("delivery", "failsUnder: [push]", "failsUnder: [psh]", "KC206", "psh", "did you mean 'push'"),
    ("delivery of an entry", "fault: node-crash", "deliveries: [fluks]\n    fault: node-crash", "KC206", "fluks", "did you mean 'flux'"),
    ("event", "after: by-hand", "after: by-hands", "KC207", "by-hands", "did you mean 'by-hand'"),
    ("reverted commit", "{commit: release}", "{commit: relaese}", "KC207", "relaese", "did you mean 'release'"),
    ("cluster", "fault: node-crash", "cluster: prod\n    fault: node-crash", "KC208", "prod", "default"),
    ("client", "fault: node-crash\n    node: node-2", "fault: api-partition\n    client: kustomise-controller", "KC209", "kustomise-controller", "did you mean 'kustomize-controller'"),
    ("link", "fault: node-crash\n    node: node-2", "fault: network-partition\n    link: node-2 <-> usres", "KC213", "node-2 <-> usres", "did you mean 'users'"),
    ("edited file", "deploy/web.yaml: {replace", "deploy/wbe.yaml: {replace", "KC210", "deploy/wbe.yaml", "did you mean 'deploy/web.yaml'"),
    ("edit of nothing", '{"web:1": "web:2"}', '{"web:8": "web:2"}', "KC211", '"web:8"', "does not hold"),
    ("order", "at: 20m", "at: 8m", "KC301", "8m", "Sort"),
    ("beyond the end", "at: 31m", "at: 3h", "KC302", "3h", "until"),
    ("window beyond the end", "within: 10m", "within: 51m", "KC303", "51m", "never be decided"),
    ("expression syntax", "== 3\n    within: 5m", "= 3\n    within: 5m", "KC401", None, "=="),
    ("expression construct", "always: success", "always: (lambda x=1 - success", "KC401", None, ""),
    ("comprehension", 'success_rate("shoppers", "1m") >= 0.9', "'[x for x in y]'", "KC402", "[x for", "comprehension"),
    ("function", 'ready("deployment/web"', 'reddy("deployment/web"', "KC403", "reddy", "did you mean 'ready'"),
    ("argument", 'ready("deployment/web", "shop")', 'ready("deployment/web", namepsace="shop")', "KC404", '"shop") == 3\n    within: 5m', "did you mean 'namespace'"),
    ("computed argument", 'ready("deployment/web", "shop")', 'ready("deployment/" + "web")', "KC404", '"deployment/" +', "quoted text"),
    ("field of a kind", 'ready("deployment/web", "shop")', 'deployment("web", "shop").status.readyReplica', "KC405", "readyReplica ", "did you mean 'readyReplicas'"),
    ("kind of an expression", 'ready("deployment/web", "shop")', 'ready("deploymant/web", "shop")', "KC406", '"deploymant', "did you mean 'deployment'"),
    ("object never made", 'ready("deployment/web", "shop")', 'ready("deployment/wbe", "shop")', "KC407", 'ready("deployment/wbe', "did you mean 'web'"),
    ("object elsewhere", 'ready("deployment/web", "shop")', 'ready("deployment/web")', "KC407", 'ready("deployment/web")', "namespace 'shop'"),
    ("object of kubectl", "scale deployment/web", "scale deployment/wbe", "KC407", "scale", "did you mean 'web'"),
    ("manifest syntax", "            labels: {app: web}", "            labels: {app: web", "KC501", None, ""),
    ("no object", "        apiVersion: v1\n        kind: Service\n", "", "KC502", "metadata: {name: web, namespace: shop}", "Kind"),
    ("encrypted manifest", "        kind: Deployment", "        sops: {version: 3.9.0}\n        kind: Deployment", "KC503", "sops: {",
        "no keys to decrypt it"),
    ("manifest field", "          replicas: 3", "          replica: 3", "KC503", "replica: 3", "did you mean 'replicas'"),
    ("manifest value", "          replicas: 3", "          replicas: three", "KC504", "three", ""),
    ("manifest misses", "              app: web}\n          template", "", "KC504", None, "") if False else
    ("manifest misses", "                - name: web\n                  image", "                - image", "KC504", None, "name"),
    ("unmodelled kind", "kind: Service\n", "kind: PodTemplate\n", "KC505", "PodTemplate", "nothing in kcsim acts on"),
    ("no manifests", "    path: deploy\n", "    path: deplyo\n", "KC506", "deplyo", "did you mean 'deploy'"),
    ("manifest kind", "kind: Deployment", "kind: Deploymnet", "KC507", "Deploymnet", "did you mean 'Deployment'"),
    ("manifest group", "apps/v1", "v1", "KC507", "v1\n        kind: Dep", "Write apiVersion: apps/v1"),
    ("folder", "    path: deploy\n", "    path: deploy\n    from: ./nowhere\n", "KC603", "./nowhere", "not a folder"),
    ("quotes", "scale deployment/web", "scale 'deployment/web", "KC701", "scale 'dep", "quot"),
    ("kubectl verb", "scale deployment/web", "scael deployment/web", "KC702", "scael", "did you mean 'scale'"),
    ("kubectl flag", "scale deployment/web --replicas=1", "scale deployment/web --replcas=1", "KC701", "scale dep", "did you mean --replicas"),
    ("kubectl edit", "scale deployment/web --replicas=1", "edit deployment/web", "KC105", "edit dep", "Add `edit:"),
    ("edit without kubectl edit", "kubectl: scale", 'edit: {replace: {"3": "1"}}\n    kubectl: scale', "KC105", "edit: {rep", "kubectl: edit"),
    ("word kubectl", "kubectl: scale", "kubectl: kubectl scale", "KC702", "kubectl scale", "Leave out"),
    ("flux verb", "flux: suspend", "flux: pause", "KC702", "pause", "unknown command"),
    ("fault", "node-crash", "node-crush", "KC703", "node-crush", "did you mean 'node-crash'"),
    ("fault without target", "    node: node-2\n", "", "KC704", "node-crash", "needs the field 'node'"),
    ("fault with foreign field", "node: node-2", "node: node-2\n    client: ci", "KC704", "client: ci", "takes no field"),
    ("selector of nothing", "selector: {app: web}", "selector: {app: wbe}", "KC508", "{app: wbe}", "did you mean 'app=web'"),
    ("port name of nobody", "              port: 80\n", "              port: 80\n              targetPort: htp\n", "KC509", "htp", "no container"),
    ("backend of nothing", "deliveries:\n", INGRESS + "deliveries:\n", "KC510", "wbe, port", "did you mean 'web'"),
    ("backend's port", "deliveries:\n", INGRESS.replace("wbe", "web").replace("number: 80", "number: 81") + "deliveries:\n", "KC510", "{number: 81}", "no port 81"),
    ("ingress that nobody plays", "deliveries:\n", INGRESS.replace("wbe", "web") + "deliveries:\n", "KC505", "Ingress\n", "ingress: true"),
    ("circle of calls", "readyAfter: 5s", "readyAfter: 5s\n    calls: [http://web.shop]", "KC512", "http://web.shop", "circle"),
    ("call of nothing", "readyAfter: 5s", "readyAfter: 5s\n    calls: [http://web, {to: http://crat}]", "KC513", "{to: http://crat}", "no manifest makes"),
    ("call that is no URL", "readyAfter: 5s", "readyAfter: 5s\n    calls: [cart]", "KC104", "[cart]", "http://cart"),
    ("call with a port that is none", "readyAfter: 5s", "readyAfter: 5s\n    calls: ['http://cart:99999']", "KC104", "['http://cart:99999']", "Port out of range"),
    ("call that cannot be split", "readyAfter: 5s", "readyAfter: 5s\n    calls: ['http://[cart']", "KC104", "['http://[cart']", "calls"),
    ("URL with a port that is none", "to: service/web", "to: 'http://web:99999'", "KC104", "'http://web:99999'", "http://web"),
    ("policy with an invalid CIDR", "deliveries:\n", POLICY + "deliveries:\n", "KC504", "10.0.0.300/8", "spec.ingress[0].from[0].ipBlock.cidr"),
    ("policy with an exception outside", "deliveries:\n", POLICY.replace("10.0.0.300/8", "10.0.0.0/8, except: [192.168.0.0/16]") + "deliveries:\n", "KC504", "192.168.0.0/16]", "must be a strict subset"),
    ("range that is none", "cluster:\n", NET + "    podSubnet: 10.244.0.0\\16\n", "KC104", "10.244.0.0\\16", "10.244.0.0/16"),
    ("range with host bits", "cluster:\n", NET + "    serviceSubnet: 10.96.0.1/16\n", "KC104", "10.96.0.1/16", "write 10.96.0.0/16"),
    ("two ranges of a family", "cluster:\n", NET + "    podSubnet: [10.1.0.0/16, 10.2.0.0/16]\n", "KC104", "[10.1", "one IPv4 and one IPv6"),
    ("too small for the nodes", "cluster:\n", NET + "    podSubnet: 10.1.0.0/24\n", "KC221", "10.1.0.0/24", "room for 1 nodes"),
    ("mask that does not fit", "cluster:\n", NET + "    podSubnet: 10.1.0.0/16\n    nodeMask: 12\n", "KC221", "12\n", "node mask of /12"),
    ("too small for Services", "cluster:\n", NET + "    serviceSubnet: 10.96.0.0/30\n", "KC221", "10.96.0.0/30", "/28 or shorter"),
    ("Services of a family that pods have not", "cluster:\n", NET + '    serviceSubnet: [10.96.0.0/16, "fd00:96::/112"]\n', "KC221", '"fd00:96::/112"', "podSubnet"),
    ("overlapping ranges", "cluster:\n", NET + "    podSubnet: 10.0.0.0/8\n", "KC222", "10.0.0.0/8", "10.96.0.0/16"),
    ("range of the nodes", "cluster:\n", NET + "    podSubnet: 192.168.0.0/16\n", "KC222", "192.168.0.0/16", "nodes"),
    ("overlay without room", "cluster:\n", NET + "    {mode: vxlan, mtu: 1300}\n", "KC104", "1300", "1330"),
    ("probe of a port of nobody", "image: shop/web:1\n", "image: shop/web:1\n                  ports: [{name: http, containerPort: 80}]\n                  readinessProbe: {httpGet: {port: htp}}\n", "KC509", "htp}}", "did you mean 'http'"),
    ("policy for a port of nobody", "deliveries:\n", POLICY.replace("- from: [{ipBlock: {cidr: 10.0.0.300/8}}]", "- ports: [{port: htp}]") + "deliveries:\n", "KC509", "htp}]", "no pod that it selects"),
    ("selector of reflectors", "cluster:\n", NET + "    routeReflectors: 'a in b'\n", "KC104", "'a in b'", "kubectl get -l"),
    ("reflectors that are none", "cluster:\n", NET + "    routeReflectors: rr=true\n", "KC202", "rr=true", "no node has the labels"),
    ("link to a node that does not exist", "cluster:\n", NET + "    links: [{between: [node-1, node-3], latency: 1ms}]\n", "KC213", "node-3]", "did you mean"),
    ("link with one end", "cluster:\n", NET + "    links: [{between: [node-1], latency: 1ms}]\n", "KC104", "[node-1]", "two ends"),
    ("link that loses all", "cluster:\n", NET + "    links: [{between: [a, node-1], latency: 1ms, loss: 1}]\n", "KC104", "1}]", "less than 1"),
    ("link without latency", "cluster:\n", NET + "    links: [{between: [a, node-1], latency: 0}]\n", "KC104", "0}]", "100us"),
    ("bandwidth of nothing", "cluster:\n", NET + "    links: [{between: [a, node-1], latency: 1ms, bandwidth: 0}]\n", "KC104", "0}]", "10G"),
    ("neither rate nor users", "    rate: 2/s\n", "", "KC105", "name: shoppers", "neither"),
    ("both rate and users", "rate: 2/s", "rate: 2/s\n    users: 3", "KC105", "name: shoppers", "both"),
    ("url", "to: service/web", "to: ftp://web", "KC104", "ftp://web", "http://web"),
    ("entry that nobody plays", "rate: 2/s", "rate: 2/s\n    entry: Ingress", "KC105", "Ingress", "ingress: true"),
    ("gateway without a name", "rate: 2/s", "rate: 2/s\n    entry: Gateway", "KC105", "Gateway", "`gateway:`"),
    ("workload of clients", "rate: 2/s", "rate: 2/s\n    from: deployment/wbe", "KC407", "deployment/wbe", "did you mean 'web'"),
    ("pods with an entry", "rate: 2/s", "rate: 2/s\n    from: deployment/web\n    entry: NodePort", "KC105", "entry: NodePort", "inside already"),
    ("burst without end", "rate: 2/s", "rate: 2/s\n    bursts: [{at: 1m, for: 2m, factor: 3, every: 1m}]", "KC104", "{at: 1m, for", "between two"),
    ("levels out of order", "rate: 2/s", "rate: 2/s\n    shape: [{at: 2h, factor: 1}, {at: 1h, factor: 2}]", "KC301", "1h, factor: 2", "Sort"),
    ("no connections", "rate: 2/s", "rate: 2/s\n    keepAlive: {connections: 0}", "KC104", "0}\n", "1 to"),
    ("too many for each", "rate: 2/s", "rate: 5000/s\n    each: true", "KC104", "true\ntimeline", "too many"),
    ("target without fault", "kubectl: scale", "for: 5m\n    kubectl: scale", "KC704", "for: 5m\n    kub", "goes with a fault"),
]  # fmt: skip


def _place(text: str, marker: str) -> tuple[int, int]:
    offset = text.rindex(marker)
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


@pytest.mark.parametrize(
    ("old", "new", "code", "marker", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_fault_is_told_where_it_is_and_how_to_mend_it(base, old, new, code, marker, words):
    assert old in base
    text = base.replace(old, new, 1)
    loaded = examine_text(text, "base.yaml")
    found = [each for each in loaded.diagnostics if each.code == code]
    assert found, f"no {code} among {[str(each) for each in loaded.diagnostics]}"
    if marker is not None:
        line, column = _place(text, marker)
        places = [(each.position.line, each.position.column) for each in found]
        assert (line, column) in places, f"{places}: {[str(each) for each in found]}"
    assert any(words in f"{each.message} {each.remedy}" for each in found), [str(each) for each in found]
    assert all(each.remedy and "\n" not in str(each.message) for each in loaded.diagnostics)


def test_the_base_has_no_fault(base):
    assert examine_text(base).diagnostics == ()


def test_several_faults_are_told_together_sorted_by_position(base):
    text = base.replace("readyAfter", "readyAftr").replace("rate: 2/s", "rate: 2")
    with pytest.raises(ScenarioError) as raised:
        loads(text, "x.yaml")
    found = raised.value.diagnostics
    assert [each.code for each in found] == ["KC102", "KC104"]
    assert str(raised.value).startswith(
        "x.yaml:13:5: KC102 Scenario.images[0] has no field 'readyAftr'\n  did you mean"
    )


def test_one_entry_too_late_is_one_fault(base):
    """Only the entry that is earlier than its neighbour is out of order, not all that follow it."""
    entries = "".join(f"  - {{at: {at}, kubectl: get pods}}\n" for at in ("20m", "10m", "12m", "13m"))
    text = f"{base[: base.index('timeline:')]}timeline:\n{entries}"
    found = [each for each in examine_text(text).diagnostics if each.code == "KC301"]
    assert [each.position.line for each in found] == [text[: text.index("at: 10m")].count("\n") + 1]


def test_what_refers_to_nothing_is_told_together_once_the_shape_is_right(base):
    """References are looked at in a file of the right shape only: a part that cannot be read would make them all wrong."""
    text = base.replace("node: node-2", "node: node-9").replace("{commit: release}", "{commit: relaese}")
    found = examine_text(text.replace("to: service/web", "to: service/wbe")).diagnostics
    assert [each.code for each in found] == ["KC205", "KC202", "KC207"]
    assert [each.position.line for each in found] == sorted(each.position.line for each in found)


def test_fault_in_a_file_of_a_folder_is_told_in_that_file(base, tmp_path):
    (tmp_path / "k8s" / "deploy").mkdir(parents=True)
    broken = tmp_path / "k8s" / "deploy" / "web.yaml"
    broken.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespce: shop\n")
    start, end = base.index("    files:\n"), base.index("deliveries:\n")
    text = base[:start] + "    from: k8s\n" + base[end:]
    found = examine_text(text, str(tmp_path / "story.yaml")).diagnostics
    assert any(
        str(each).startswith(f"{broken}:5:3: KC503 ConfigMap.metadata has no field 'namespce'")
        for each in found
    )


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (None, "KC001", ":1:1"),
        (b"", "KC003", ":1:1"),
        (b"# nothing\n", "KC003", ":1:1"),
        (b"name: a\ntitle: \xff\n", "KC002", ":2:8"),
        (b"\x00\x01", "KC004", ""),
        (b"- 1\n", "KC009", ":1:1"),
        (b"just words", "KC009", ":1:1"),
        (b"a: " + b"x" * 2_100_000, "KC005", ""),
    ],
    ids=["missing", "empty", "comment", "latin-1", "binary", "list", "words", "large"],
)
def test_unreadable_files(tmp_path, content, code, place):
    path = tmp_path / "story.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError) as raised:
        load(path)
    assert raised.value.diagnostics[0].code == code
    assert str(raised.value).startswith(f"{path}{place}")


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(ScenarioError, match="this is a folder"):
        load(tmp_path)


def test_folder_named_without_a_slash(tmp_path, monkeypatch):
    (tmp_path / "stories").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError, match="stories:1:1: KC001 this is a folder"):
        load("stories")


def test_gallery_name_with_its_near_miss():
    with pytest.raises(ScenarioError, match="did you mean 'drift-at-night'"):
        load("drift-at-nigth")


def _clone(base: str, path: Path) -> Loaded:
    start, end = base.index("    path: deploy\n"), base.index("deliveries:\n")
    text = base[:start] + f"    clone: {path.name}\n" + base[end:]
    text = text[: text.index("timeline:\n")]  # edits and Services cannot be known of a clone
    return examine_text(text, str(path.parent / "story.yaml"))


def test_clone_of_what_is_no_repository(base, tmp_path):
    (tmp_path / "plain").mkdir()
    found = _clone(base, tmp_path / "plain").diagnostics
    assert [each.code for each in found] == ["KC601"]
    assert (found[0].position.line, found[0].position.column) == (18, 12)


def test_clone_without_commits(base, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path / "young")], check=True)
    assert [each.code for each in _clone(base, tmp_path / "young").diagnostics] == ["KC602"]


def test_every_code_is_raised_by_some_test():
    elsewhere = {
        *(f"KC{code}" for code in (*range(215, 221), 229)),  # test_pipelines.py
        *("KC223", "KC224"),  # test_environments.py
        "KC225",  # test_sources.py
        "KC226",  # test_charts.py
        *("KC227", "KC514", "KC515", "KC517"),  # test_built_checks.py
        "KC518",  # test_given_checks.py
        "KC606",  # test_rehearse.py
        "KC511",
        "KC001",
        "KC002",
        "KC003",
        "KC011",
        "KC013",
        "KC516",
        "KC601",
        "KC602",
        "KC604",
        "KC605",
        "KC801",
        "KC802",
        "KC803",
    }
    assert {case[3] for case in CASES} | elsewhere == set(CODES)


def test_a_label_that_is_taken_away_is_no_object(base):
    text = base.replace("scale deployment/web --replicas=1 -n shop", "label node node-1 example.org/role-")
    assert not [each for each in examine_text(text).diagnostics if each.code in {"KC406", "KC407"}]


def test_warning_does_not_stop_the_scenario(base):
    loaded = examine_text(base.replace("path: deploy\n", "path: deploy\n", 1).replace(
        "kind: Service\n        metadata: {name: web", "kind: Service\n        metadata: {name: web"))  # fmt: skip
    assert loaded.scenario is not None
    text = base.replace(
        "      deploy/service.yaml: |",
        "      deploy/template.yaml: |\n        apiVersion: v1\n        kind: PodTemplate\n        metadata: {name: web, namespace: shop}\n      deploy/service.yaml: |",
    )
    warned = examine_text(text)
    assert warned.scenario is not None
    assert [(each.code, each.severity) for each in warned.diagnostics] == [("KC505", "warning")]


def test_commit_that_is_broken_on_purpose(base):
    commit = '      edit:\n        deploy/web.yaml: {replace: {"replicas: 3": "replicas: many"}}\n'
    start, end = base.index("      edit:\n"), base.index("  - at: 10m")
    text = base[:start] + commit + base[end:]
    assert [each.code for each in examine_text(text).diagnostics] == ["KC504"]
    assert (
        examine_text(text.replace("message: v2", "message: v2\n      brokenOnPurpose: true")).diagnostics
        == ()
    )


def test_examine_never_raises_for_odd_names():
    for name in ("", "a\0b", "x" * 5000, "/", "no/such/file.yaml", "🙂"):
        loaded = examine(name)
        assert loaded.scenario is None
        assert loaded.diagnostics[0].code in {"KC001", "KC011"}


def test_ingress_of_a_class_that_nobody_plays(base):
    text = base.replace("cluster:\n", "cluster:\n  ingress: true\n", 1)
    ingress = INGRESS.replace("wbe", "web").replace("ingressClassName: nginx", "ingressClassName: traefik")
    found = examine_text(text.replace("deliveries:\n", ingress + "deliveries:\n", 1), "base.yaml").diagnostics
    assert [(each.code, each.severity) for each in found] == [("KC511", "warning")]
    assert "nginx" in found[0].remedy


def test_two_merge_requests_may_be_made_of_the_same_line():
    """The second is meant for what is there while the first is in review: they conflict, which is no fault of the file."""
    text = """\
apiVersion: kcsim/v1
kind: Scenario
name: conflict
until: 2h
repositories: [{name: shop, files: {a.yaml: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {v: one}}"}}]
timeline:
- {at: 1m, mergeRequest: {message: two, branch: two, edit: {a.yaml: {replace: {one: two}}}}}
- {at: 2m, mergeRequest: {message: three, branch: three, edit: {a.yaml: {replace: {one: three}}}}}
"""
    assert examine_text(text).diagnostics == ()
    wrong = text.replace("{one: three}", "{four: three}")
    assert [(each.code, each.position.line) for each in examine_text(wrong).diagnostics] == [("KC211", 8)]
