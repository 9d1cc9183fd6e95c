"""What every namespace is given: the ``default`` service account and the cluster's root certificate."""
