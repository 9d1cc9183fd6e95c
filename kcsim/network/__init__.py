"""Hosts, links and partitions: who reaches whom and how long it takes. Knows no Kubernetes. The only room with networkx."""
