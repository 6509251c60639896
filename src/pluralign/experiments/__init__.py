"""The four experiments: a grid of fine-tunes, evaluated and compared."""
