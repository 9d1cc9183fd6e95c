"""How `make notebooks` writes pages: a widget that nobody can play stands there as its picture, never as a gap."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - nbconvert's own way
c.NbConvertBase.display_data_priority = [
    "text/html",
    "image/svg+xml",
    "image/png",
    "text/markdown",
    "text/latex",
    "text/plain",
]
c.ExecutePreprocessor.store_widget_state = False
