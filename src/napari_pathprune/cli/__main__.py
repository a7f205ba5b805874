"""``python -m napari_pathprune.cli``, the same as ``pathprune``."""

from napari_pathprune.cli.command_line import main

if __name__ == "__main__":
    main()
