"""What Dagster sees: assets, checks, jobs, schedules, sensors, and the resources that they are given.

The only room that imports Dagster; the command line starts it. How an hour is pulled, judged or ticketed lives one room
further: here it is only put in order.
"""
