"""ganvas: train a GAN on your own pictures."""
