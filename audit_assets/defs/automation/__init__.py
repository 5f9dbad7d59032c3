"""What starts runs: jobs, schedules and sensors, the ledger of hours that Dagster keeps, and the pure planners."""
