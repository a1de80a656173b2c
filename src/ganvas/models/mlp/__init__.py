"""Fully connected pair: the first GAN of the lesson, and the network for points in a plane."""
