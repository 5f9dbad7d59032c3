"""Hours survive kills and faults: one protocol, hit at every named point, judged by what others can see afterwards."""
