"""Residual pair without normalisation, the default architecture (after R3GAN)."""
