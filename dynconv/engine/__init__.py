"""Training and measuring one run on the device at hand."""
