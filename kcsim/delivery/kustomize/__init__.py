"""kustomize build, in memory: a kustomization and the files around it become a list of objects."""
