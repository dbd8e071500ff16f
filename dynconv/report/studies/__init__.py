"""Two or more studies side by side: `dynconv report --results A --results B`."""
