"""Parameters, MACs, bytes and latency."""
