"""The scenario as data: what a scenario file says, as frozen dataclasses, one file for each thing a story speaks of.

One source of truth: the loader, the writer and the JSON Schema read the annotations here. A field is written in the file
in camelCase (`ready_after` is `readyAfter`, `for_` is `for`); the text in `Annotated` is its description. Durations are
whole microseconds of virtual time, written as Kubernetes writes them ("1m30s").
Whoever needs a part imports it from here; the files behind know each other by name.
**Walk:** `load` gives a `Scenario`; `all_clusters`, `TimelineEntry.action`, `Flux.all_kustomizations` and their like
resolve the short forms a file may use, so that whoever runs it never looks at them.
"""

from kcsim.scenario.model.actions import (
    Action,
    Apply,
    ArgocdCommand,
    Fault,
    FluxCommand,
    GitAction,
    Kubectl,
    Rerun,
)
from kcsim.scenario.model.argocd import Application, ArgoCD
from kcsim.scenario.model.charts import Chart, ChartVersion, Publication
from kcsim.scenario.model.clusters import Cluster, Node, Taint
from kcsim.scenario.model.controllers import Controller
from kcsim.scenario.model.deliveries import Delivery, all_pipelines
from kcsim.scenario.model.environments import Approval, Environment, Freeze, Promotion
from kcsim.scenario.model.expectations import Expectation
from kcsim.scenario.model.fault_fields import FaultFields
from kcsim.scenario.model.flux import Dependency, Flux, GitRepository, Kustomization
from kcsim.scenario.model.git import (
    Commit,
    Edit,
    ForcePush,
    Merge,
    MergeQueue,
    MergeRequest,
    Protection,
    Redelivery,
    Revert,
    Reviewer,
    Tag,
)
from kcsim.scenario.model.images import Call, ErrorWindow, Image, PullError, Window
from kcsim.scenario.model.lessons import (
    Cause,
    Choice,
    Criterion,
    Lesson,
    Number,
    Question,
    Solution,
    Stop,
)
from kcsim.scenario.model.network import ClusterNetwork, Link
from kcsim.scenario.model.part import Part, Spread
from kcsim.scenario.model.pipelines import (
    CiCache,
    CiConcurrency,
    CiEnvironment,
    CiJob,
    Finding,
    On,
    Pipeline,
    Runners,
    Scan,
    Stage,
    Step,
)
from kcsim.scenario.model.push import Deploy, Deployer, FurtherPipeline, Push
from kcsim.scenario.model.registry import Bucket, ImageRegistry, Retention, Signing, Upload
from kcsim.scenario.model.repositories import Repository
from kcsim.scenario.model.scenario import API_VERSION, KIND, Scenario
from kcsim.scenario.model.timeline import ACTIONS, FAULT_FIELDS, GIT_ACTIONS, Moment, TimelineEntry
from kcsim.scenario.model.traffic import Burst, KeepAlive, Level, Retries, Traffic

__all__ = [
    "ACTIONS",
    "API_VERSION",
    "FAULT_FIELDS",
    "GIT_ACTIONS",
    "KIND",
    "Action",
    "Application",
    "Apply",
    "Approval",
    "ArgoCD",
    "ArgocdCommand",
    "Bucket",
    "Burst",
    "Call",
    "Cause",
    "Chart",
    "ChartVersion",
    "Choice",
    "CiCache",
    "CiConcurrency",
    "CiEnvironment",
    "CiJob",
    "Cluster",
    "ClusterNetwork",
    "Commit",
    "Controller",
    "Criterion",
    "Delivery",
    "Dependency",
    "Deploy",
    "Deployer",
    "Edit",
    "Environment",
    "ErrorWindow",
    "Expectation",
    "Fault",
    "FaultFields",
    "Finding",
    "Flux",
    "FluxCommand",
    "ForcePush",
    "Freeze",
    "FurtherPipeline",
    "GitAction",
    "GitRepository",
    "Image",
    "ImageRegistry",
    "KeepAlive",
    "Kubectl",
    "Kustomization",
    "Lesson",
    "Level",
    "Link",
    "Merge",
    "MergeQueue",
    "MergeRequest",
    "Moment",
    "Node",
    "Number",
    "On",
    "Part",
    "Pipeline",
    "Promotion",
    "Protection",
    "Publication",
    "PullError",
    "Push",
    "Question",
    "Redelivery",
    "Repository",
    "Rerun",
    "Retention",
    "Retries",
    "Revert",
    "Reviewer",
    "Runners",
    "Scan",
    "Scenario",
    "Signing",
    "Solution",
    "Spread",
    "Stage",
    "Step",
    "Stop",
    "Tag",
    "Taint",
    "TimelineEntry",
    "Traffic",
    "Upload",
    "Window",
    "all_pipelines",
]
