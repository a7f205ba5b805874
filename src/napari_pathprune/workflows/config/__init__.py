"""Settings of training and compression, read from TOML files."""
