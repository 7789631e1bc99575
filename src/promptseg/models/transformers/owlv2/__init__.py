"""OWLv2: boxes of phrases, and of what is like an example.

M. Minderer, A. Gritsenko, N. Houlsby, "Scaling Open-Vocabulary Object Detection", NeurIPS 2023.
"""
