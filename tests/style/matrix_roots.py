"""The Wasserstein distance by plain autograd through an iteration for matrix roots."""

import torch

from ganvas.style import losses


def newton_schulz_root(matrix, steps=12):
    """The square root of a matrix by the coupled iteration that others differentiate through."""
    norm = matrix.norm()
    eye = torch.eye(len(matrix), dtype=matrix.dtype)
    y, z = matrix / norm, eye
    for _ in range(steps):
        factor = (3 * eye - z @ y) / 2
        y, z = y @ factor, factor @ z
    return y * norm.sqrt(), z / norm.sqrt()


def through_matrix_roots(mean, second, target):
    """The same distance by plain autograd through the iteration."""
    spread = losses.covariance(mean, second)
    root = newton_schulz_root(target.root @ spread @ target.root)[0]
    middle = target.covariance.trace() + spread.trace() - 2 * root.trace()
    return ((mean - target.mean).square().sum() + middle) / len(mean)
