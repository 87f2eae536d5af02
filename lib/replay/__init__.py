"""Windows and watermarks as the engines do them: what each would have made of a topic."""
