"""argocd-application-controller: Applications are compared with their clusters, synced, healed and deleted."""
