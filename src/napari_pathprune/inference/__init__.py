"""From tiles to network maps to instances of the slide."""
