"""Any module and an example input -> its channel graph."""
