"""The Windows console: what \\Device\\ConDrv answers, over a terminal of the machine (docs/decisions/006-console.md)."""
