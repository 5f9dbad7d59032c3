"""Whatever a service answers, only the documented errors come out of its client."""
