"""Parts of the Compare dock."""
