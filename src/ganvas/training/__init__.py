"""Training a GAN: an iterator of reports around one mutable state."""
