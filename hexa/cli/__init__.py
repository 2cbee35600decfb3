"""The command line: thin commands over the HTTP API, each importing what it needs when it runs."""
