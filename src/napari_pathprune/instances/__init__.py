"""Instance tables, matching, metrics and export."""
