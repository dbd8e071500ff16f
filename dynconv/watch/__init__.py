"""`dynconv list runs` in a terminal while jobs are live: the picture of a study, refreshed."""
