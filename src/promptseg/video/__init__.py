"""Reading and writing of videos, the frame buffer, and the base class and files of video sessions."""
