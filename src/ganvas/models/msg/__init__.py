"""MSG-GAN: pictures of all sizes at once, each judged where it belongs."""
