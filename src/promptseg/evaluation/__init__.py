"""How good a model is on images whose objects are known: prompts simulated from the truth, metrics, and comparisons that are fair."""
