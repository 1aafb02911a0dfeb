"""Makes what is served: segments cut from one clip, restamped, packaged, encrypted."""
