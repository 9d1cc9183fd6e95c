"""Time, dice, identities, causes and the trace: the narrow floor everything stands on. The only room with SimPy."""
