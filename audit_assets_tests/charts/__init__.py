"""Tests of the charts on tickets."""
