"""What values show in a notebook, and images that stand side by side."""
