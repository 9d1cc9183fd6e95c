"""Push-based delivery: pipelines, runners, and the deployment from outside the cluster."""
