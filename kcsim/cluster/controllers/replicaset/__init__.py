"""The ReplicaSet controller: keeps as many pods of a template as asked for."""
