"""What makes commits ship: git, registry, kustomize, the pipeline and the agents."""
