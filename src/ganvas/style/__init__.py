"""Neural style transfer: a photo repainted by optimising its own pixels."""
