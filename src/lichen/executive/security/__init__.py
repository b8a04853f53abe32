"""Who acts, and what that lets it do to whom (NT: Se): one set of rules for both worlds, in plain ids and rights."""
