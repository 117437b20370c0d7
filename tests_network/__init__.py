"""Checks that hold for both systems: the fabric, routes, storage hosts, disks."""
