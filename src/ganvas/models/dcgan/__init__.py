"""DCGAN: the convolutional pair of the lesson, as in the paper and as in the lesson's picture."""
