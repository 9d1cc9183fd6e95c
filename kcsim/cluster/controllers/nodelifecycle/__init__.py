"""The node lifecycle controller: notices silent nodes, taints them, and marks their pods."""
