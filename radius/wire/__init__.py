"""Bytes: packets, their codec, datagrams."""
