"""Admission: plugins that change or refuse an object before it is stored, in upstream's order."""
