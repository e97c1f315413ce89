"""The desk: a terminal application over the recordings, the index, the jobs and the runs."""
