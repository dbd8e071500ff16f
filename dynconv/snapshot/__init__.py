"""`dynconv snapshot`: the report of whatever is finished, while runs are still to come."""
