"""Lifecycles of objects as data: KWOK's Stage files, played on objects that no kubelet looks after."""
