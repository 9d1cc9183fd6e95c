"""helm-controller: HelmReleases are installed, upgraded, tested, remediated and watched over."""
