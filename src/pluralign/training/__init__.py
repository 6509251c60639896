"""What the baseline scripts call: recipes, losses, reference log-probabilities, packed pairs, and the runs themselves."""
