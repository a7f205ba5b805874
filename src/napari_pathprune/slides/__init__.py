"""Lazy access to slides, tiles of a region, and tissue detection."""
