"""Small helpers that every other package uses; none of them imports torch."""
