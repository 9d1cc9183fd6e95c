"""The in-tree scheduler plugins, one file each, under upstream's names."""
