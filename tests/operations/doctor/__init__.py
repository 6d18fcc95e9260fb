"""Tests of `orders.operations.doctor`."""
