"""Following a playlist: when it is loaded, what a load of it means, and what a server that holds requests is asked."""
