"""Images without annotation for training and compression: windows of slides, whose nuclei a parent model finds."""
