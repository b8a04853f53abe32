"""The kernel as a process of the host: one daemon for each running machine, and how clients find, start and join it.

Nobody's first client is the kernel (G29): whoever comes first starts it as a process of its own, everybody talks to
it over a Unix socket and passes standard files along. `places`, `protocol` and `starting` are on the road of `lichen run`
and import next to nothing (G31): not even `typing`, which costs 4 ms.
"""
