"""What every layer uses: errors, column names, units of time, threads, compiled loops, memory."""
