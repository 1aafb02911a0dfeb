"""What differs between runs, what of that is more than noise, and whether they can be compared at all."""
