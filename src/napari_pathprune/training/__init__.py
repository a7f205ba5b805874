"""Training targets, losses, distillation and the fit loop."""
