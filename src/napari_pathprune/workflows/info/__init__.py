"""Description of a model file."""
