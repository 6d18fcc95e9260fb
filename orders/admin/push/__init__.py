"""Pages that follow: watch the log, tell each open page what changed of what its person may see.

Reads the database only, in two threads, whatever the number of pages. May import the screens, for
the rows that it draws. Open `watch.py` first: what changed; then `hub.py`: who is told; then
`asgi.py`: the stream.
"""
