"""Parts of the Model dock."""
