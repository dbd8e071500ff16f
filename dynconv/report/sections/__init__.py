"""One section of the report a file, each beside its template in `templates/`."""
