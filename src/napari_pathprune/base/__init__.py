"""Small parts that every room uses, without torch where that is possible."""
