"""Training: recipe, checkpoints, and what is trained on rendered heads."""
