"""Copies of modules, their attributes and their example inputs."""
