"""Viewers that are real ffmpeg processes: started, read and ended."""
