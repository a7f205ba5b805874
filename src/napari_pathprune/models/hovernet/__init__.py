"""HoVer-Net, and the checkpoints of its other implementations."""
