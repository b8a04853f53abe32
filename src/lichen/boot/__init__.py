"""Puts a machine together: these modules know all the others, and nothing but the daemon and the command knows them."""
