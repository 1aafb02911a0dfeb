"""What the origin says of itself, in the frozen shapes that every view draws: signals, readings, their summary."""
