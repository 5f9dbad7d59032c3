"""One bounded HTTP client for every service: deadlines, sizes, retries, redaction of secrets, the clock.

What a reply means is decided in the room of the service that sent it.
"""
