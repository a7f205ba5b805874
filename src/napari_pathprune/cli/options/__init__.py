"""Options of the verbs, made from the dataclasses of settings."""
