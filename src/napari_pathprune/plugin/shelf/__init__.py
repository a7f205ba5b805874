"""The models and results that all docks of a viewer share."""
