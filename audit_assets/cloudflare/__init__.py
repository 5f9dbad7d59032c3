"""Cloudflare's audit log: pulled whole or not at all, and normalized into typed frames."""
