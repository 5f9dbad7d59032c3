"""The files of a deployment, and a deployment that is started from them: real processes on real servers."""
