"""CronJobs: Jobs at times."""
