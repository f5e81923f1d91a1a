"""Networks as torch modules: RGB (n, 3, h, w) in [0, 1] in, the matte's logits (n, 1, h, w) out."""
