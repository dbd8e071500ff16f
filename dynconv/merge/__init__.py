"""Several results folders as one: `dynconv collect A B ... --out DIR`."""
