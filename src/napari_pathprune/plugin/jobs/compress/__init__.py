"""Compression in the plugin: the preview of a cut, the request and its checks."""
