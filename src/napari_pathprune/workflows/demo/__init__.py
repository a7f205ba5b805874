"""The main job on the packaged slide and model."""
