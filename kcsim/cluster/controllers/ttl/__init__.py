"""Tells kubelets, by an annotation of their Node, how long they may keep ConfigMaps and Secrets."""
