"""The napari window: readers, docks and background jobs."""
