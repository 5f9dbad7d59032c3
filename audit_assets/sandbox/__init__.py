"""Cloudflare's audit API, Axiom and Linear on this machine, written from what is known of the services."""
