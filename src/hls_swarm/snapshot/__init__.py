"""The one picture that every view draws, and the frozen shapes in it."""
