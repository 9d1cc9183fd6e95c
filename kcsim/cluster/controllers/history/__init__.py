"""ControllerRevisions: the templates a StatefulSet or DaemonSet has had."""
