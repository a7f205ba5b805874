"""The napari plugin: layers, background jobs, widgets and docks."""
