"""argocd-applicationset-controller: ApplicationSets become Applications."""
