"""What an ffmpeg process says of itself, in its log and its progress, as the records of a viewer."""
