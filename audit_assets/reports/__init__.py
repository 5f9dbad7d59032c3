"""What a person is shown of stored hours: summaries, previews, backtests; objects first, then terminal and HTML."""
