"""The Linux personality: its call table, types, errors, signals and the ELF loader."""
