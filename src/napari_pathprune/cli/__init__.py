"""The workflows from a shell: ``pathprune --help``."""

from napari_pathprune.cli.command_line import app, main

__all__ = ["app", "main"]
