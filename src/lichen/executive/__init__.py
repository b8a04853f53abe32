"""The kernel proper, which both worlds share; what calls it and what runs the guests it knows as protocols (`interfaces`)."""
