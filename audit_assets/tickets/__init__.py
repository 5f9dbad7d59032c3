"""What a ticket is, whichever tracker holds it: finding, title, sentences, Markdown, chart, lifecycle, digest.

Pure functions on values: nothing here sends, stores or reads a setting. It builds and judges the plain data of
`linear`.
"""
