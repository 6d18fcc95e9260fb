"""Tests of the stream that pages follow."""
