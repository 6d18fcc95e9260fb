"""Copies of everything that the desk remembers, and how one is put back.

Open first: `backup` (what is copied, and when a copy is whole), `restore` (what is checked before
anything is touched). Imports `evidence` and what is below it.
"""
