"""One kind of figure a file; each draws from the results and returns plain SVG."""
