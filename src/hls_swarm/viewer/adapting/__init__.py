"""Adaptive bitrate as players do it: what each estimates of its link, and which variant it plays for that."""
