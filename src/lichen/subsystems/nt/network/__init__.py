"""NSI: the network as Windows' IP helper asks for it, in tables of the executive's values."""
