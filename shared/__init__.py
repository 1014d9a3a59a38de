"""What the functions share. Pure modules take values and `now`, and return values."""
