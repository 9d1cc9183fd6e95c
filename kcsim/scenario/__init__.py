"""Stories as data: read, checked, bound to a world, judged and measured."""
