"""The columns of a score and of a flagged row that show what was new about where the actor acted from."""

import polars as pl

ORIGIN_COLUMNS = pl.Schema({"p_origin": pl.Float64, "new_origins": pl.List(pl.String), "new_network_here": pl.Boolean})
"""`new_origins`: which parts of an origin (origin_uses.py) the actor did not use in the 60 days before; so much is new
in a usual hour with the probability `p_origin`. `new_network_here`: nobody here acted from its network. All are null
where nothing was new, or that is not known."""
