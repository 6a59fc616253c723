"""ganforge: one description of a GAN; any framework trains it; the numbers agree."""
