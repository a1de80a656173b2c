"""Perceptual networks: what a picture looks like to a trained eye."""
