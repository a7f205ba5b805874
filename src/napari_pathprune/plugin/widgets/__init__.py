"""Building blocks of docks."""
