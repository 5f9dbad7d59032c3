"""Where else a finding or a summary goes besides the tracker: today a webhook."""
