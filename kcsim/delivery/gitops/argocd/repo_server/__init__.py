"""argocd-repo-server: from a repository's files to manifests."""
