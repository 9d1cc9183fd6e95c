"""Deployments, Jobs and CronJobs from an image (kubectl ``pkg/cmd/create/create_{deployment,job,cronjob}.go``)."""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.task import Steps
from kcsim.kubectl.creators.common import head, required
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import namespace_of


def _containers(arguments: Arguments, name: str, images: list[str]) -> list[Object]:
    containers = []
    for image in images:
        own = name or image.rpartition("/")[2].partition(":")[0].partition("@")[0]
        container: Object = {"name": own, "image": image}
        if arguments.command:
            container["command"] = list(arguments.command)
        containers.append(container)
    return containers


def deployment(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create deployment``."""
    del session, what
    required(arguments, "image")
    images = [image for image in arguments.all("image") if image]
    if len(images) > 1 and arguments.command:
        raise KubectlError("error: cannot specify multiple --image options and command")
    containers = _containers(arguments, "", images)
    if arguments.get("port") and containers:
        containers[0]["ports"] = [{"containerPort": arguments.integer("port")}]
    replicas = arguments.integer("replicas")
    obj = objects.with_labels(head("apps/v1", "Deployment", name), {"app": name})
    obj["spec"] = {
        "replicas": 1 if replicas is None else replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}},
    }
    return obj


def job(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create job``; one from a CronJob is filled in by ``job_from``."""
    del session, what
    if bool(arguments.get("image")) == bool(arguments.get("from")):
        raise KubectlError("error: either --image or --from must be specified")
    obj = head("batch/v1", "Job", name)
    if arguments.get("from"):
        return obj
    pod = {"containers": _containers(arguments, name, [arguments.get("image")]), "restartPolicy": "Never"}
    return {**obj, "spec": {"template": {"spec": pod}}}


def job_from(session: Session, arguments: Arguments, name: str) -> Steps:
    """``create job --from=cronjob/NAME``: one run of a CronJob, started by hand."""
    kind, _, source = arguments.get("from").partition("/")
    resource = session.resource(kind)
    cron = yield session.client.get(resource, namespace_of(session, arguments), source)
    if resource.kind != "CronJob":
        raise KubectlError(f"error: unknown object type *{resource.version}.{resource.kind}")
    template = cron["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    annotations = {"cronjob.kubernetes.io/instantiate": "manual", **(metadata.get("annotations") or {})}
    made = head("batch/v1", "Job", name)
    made["metadata"] |= {"annotations": annotations, "ownerReferences": [objects.owner_reference(cron)]}
    if metadata.get("labels"):
        made["metadata"]["labels"] = metadata["labels"]
    return {**made, "spec": template["spec"]}


def cron_job(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create cronjob``."""
    del session, what
    required(arguments, "image")
    schedule = required(arguments, "schedule")
    containers = _containers(arguments, name, [arguments.get("image")])
    pod = {"containers": containers, "restartPolicy": arguments.get("restart", "OnFailure")}
    template = {"metadata": {"name": name}, "spec": {"template": {"spec": pod}}}
    return {
        **head("batch/v1", "CronJob", name),
        "spec": {"schedule": schedule, "jobTemplate": template},
    }
