"""StyleGAN2: a style for each layer, and a space of styles to walk, mix and project in."""
