"""`dynconv clean`: what a study's folders could do without."""
