"""Find channel groups, score them, choose, and cut."""
