"""Fills ClusterRoles with the rules of those that their aggregation rule selects."""
