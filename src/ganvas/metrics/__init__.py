"""Distances between sets of pictures, computed on perceptual features."""
