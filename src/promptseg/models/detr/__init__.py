"""Detectors of the DETR family with a fixed list of classes: RF-DETR, which may make masks, and D-FINE.

I. Robinson, P. Robicheaux, M. Popov, D. Ramanan, N. Peri, "RF-DETR: Neural Architecture Search for Real-Time Detection Transformers", ICLR
2026. Y. Peng, H. Li, P. Wu, Y. Zhang, X. Sun, F. Wu, "D-FINE: Redefine Regression Task in DETRs as Fine-grained Distribution Refinement",
ICLR 2025.
"""
