"""Config files and settings."""
