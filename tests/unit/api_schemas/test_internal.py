"""Messages that print what the server holds: a pod's specification, a volume's source, a template."""

import json

from kcsim.api.validation.field import as_json
from kcsim.api.validation.internal import diff, shown
from kcsim.api.validation.pod import pod_update


def test_a_template_is_shown_with_go_s_fields_in_go_s_order() -> None:
    template = {
        "metadata": {"labels": {"b": "2", "a": "1"}},
        "spec": {"containers": [{"image": "i", "name": "c"}], "hostNetwork": True, "restartPolicy": "Never"},
    }
    text = as_json(shown("PodTemplateSpec", template))
    assert text.startswith(
        '{"labels":{"a":"1","b":"2"},"Spec":{"Volumes":null,"InitContainers":null,"Containers":['
    )
    assert '{"Name":"c","Image":"i","Command":null,' in text
    assert '"SecurityContext":{"HostNetwork":true,"HostPID":false,' in text


def test_the_diff_of_a_pod_names_the_field_and_three_lines_around_it() -> None:
    container = {"name": "c", "image": "i"}
    before = {"containers": [container], "nodeName": "a", "restartPolicy": "Always"}
    text = diff("PodSpec", before, {**before, "containers": [{**container, "command": ["x"]}]})
    assert text == (
        "@@ -5,7 +5,9 @@\n"
        '   {\n    "Name": "c",\n    "Image": "i",\n'
        '-   "Command": null,\n+   "Command": [\n+    "x"\n+   ],\n'
        '    "Args": null,\n    "WorkingDir": "",\n    "Ports": null,\n'
    )


def test_a_pod_that_changes_its_node_is_refused_with_the_diff() -> None:
    spec = {"containers": [{"name": "c", "image": "i"}], "schedulerName": "s"}
    old, new = ({"metadata": {"name": "p"}, "spec": {**spec, "nodeName": name}} for name in ("a", "b"))
    [message] = [error.detail for error in pod_update(new, old) if error.field == "spec"]
    assert '- "NodeName": "a",\n+ "NodeName": "b",\n' in message


def test_the_source_of_a_volume_is_shown_whole() -> None:
    source = {"csi": {"driver": "d", "volumeHandle": "h"}}
    made = shown("PersistentVolumeSource", source)
    assert json.loads(as_json(made))["CSI"]["FSType"] == ""
    assert list(made)[-1] == "CSI"
