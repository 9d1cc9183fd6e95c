"""What every surface shows: tables, timelines and pictures made from the log and the trace."""
