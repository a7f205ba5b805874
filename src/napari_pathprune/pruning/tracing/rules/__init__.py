"""What each operation does to channel identities, one file a family of operations."""
