"""The terminal's commands, each a few lines; what several share, and what the sweep does.

It may import everything but `context_processors`. Open `terminal` first, then `sweep`, then
`duty_threads`.
"""
