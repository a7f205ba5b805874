"""The parts of the Compress dock."""
