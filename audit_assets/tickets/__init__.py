"""What a ticket is, whichever tracker holds it: finding, title, wording, Markdown, chart, lifecycle, digest, overflow.

Pure functions on values: nothing here sends, stores or reads a setting. What only Linear needs belongs in `linear`.
"""
