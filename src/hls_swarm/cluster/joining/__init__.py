"""How agents come to a controller: they knock at its door and prove themselves; some are started over ssh for that."""
