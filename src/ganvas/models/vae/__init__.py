"""Encoder and decoder: the variational autoencoder, for comparison with the GANs."""
