"""What the task YAMLs call: prompts, generation, judging, the model as a rater, results with intervals."""
