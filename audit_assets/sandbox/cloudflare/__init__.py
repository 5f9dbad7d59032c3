"""The sandbox's Cloudflare: what it serves, and how it answers and misbehaves."""
