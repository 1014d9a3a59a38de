"""The whole system on one machine, for development and for the tests."""
