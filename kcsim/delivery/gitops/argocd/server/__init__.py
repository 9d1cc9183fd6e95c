"""argocd-server: the webhook of the git host, and what its API does to Applications."""
