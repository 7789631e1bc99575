"""The SAM family of transformers on our engine: SAM, SAM-HQ, SAM 2 and EdgeTAM."""
