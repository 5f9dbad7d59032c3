"""Where summaries go besides the tracker: a webhook."""
