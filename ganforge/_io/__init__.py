"""What ganforge needs of the machine: files written whole, locks, plain tables converted to types, lazy exports."""
