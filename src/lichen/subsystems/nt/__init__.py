"""The Windows NT personality: its call table, types, exceptions and the PE loader."""
