"""What starts runs: jobs, schedules and sensors."""
