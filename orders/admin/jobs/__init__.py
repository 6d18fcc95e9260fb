"""Jobs: the list, one job's progress, its download, and what appeared after it was frozen.

It imports `shared` and `panic` of the admin. Open `job_pages` first.
"""
