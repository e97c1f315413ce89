"""Background jobs: long commands in processes of their own, found again after a restart."""

from lobdesk.jobs.pool import Job, JobPool
from lobdesk.jobs.report import Sample

__all__ = ["Job", "JobPool", "Sample"]
