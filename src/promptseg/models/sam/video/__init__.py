"""SAM 2 on videos: sessions with a memory of earlier frames."""
