"""Differentiable augmentation, with a probability per sample."""
