"""The structure of built-in kinds, as the OpenAPI document of one Kubernetes release gives it."""
