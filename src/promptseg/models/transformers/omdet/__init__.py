"""OmDet-Turbo: boxes of phrases, which the model reads together with a task that names them.

T. Zhao, P. Liu, X. He, L. Zhang, K. Lee, "Real-time Transformer-based Open-Vocabulary Detection with Efficient Fusion Head", 2024.
"""
