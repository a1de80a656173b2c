"""Skip-layer excitation and a discriminator that rebuilds: for few pictures."""
