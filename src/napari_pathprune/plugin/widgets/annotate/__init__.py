"""Forms and tools of the Annotate dock."""
