"""image-reflector-controller and image-automation-controller: new tags in a registry become commits in git."""
