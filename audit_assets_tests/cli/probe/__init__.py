"""Each assumption of a probe, with each of its answers, over real sockets against the sandbox."""
