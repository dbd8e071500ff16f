"""One file a dataset; the name of the file is the name of the dataset.  See docs/add_a_dataset.md."""
