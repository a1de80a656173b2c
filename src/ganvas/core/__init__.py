"""Pixels, images, config, errors, random numbers and devices: what every other layer stands on."""
