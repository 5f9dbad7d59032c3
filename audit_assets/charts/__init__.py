"""The picture of an actor's last 30 days that stands on its ticket."""
