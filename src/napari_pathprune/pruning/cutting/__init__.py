"""A model and a plan -> a masked or compact model."""
