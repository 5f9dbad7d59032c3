"""Finds abuse in a Cloudflare account: audit log in, Linear tickets out, hour by hour."""
