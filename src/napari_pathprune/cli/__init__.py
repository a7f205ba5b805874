"""The command line: one module a verb; see ``pathprune --help``."""

from napari_pathprune.cli.command_line import build_app, main

__all__ = ["build_app", "main"]
