"""Results as files: what napari saves and opens."""
