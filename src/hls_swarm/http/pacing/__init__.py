"""A link of a viewer's own, made by reading slower: the receive window closes in between, as behind a narrow link."""
