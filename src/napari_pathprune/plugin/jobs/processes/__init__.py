"""Jobs in processes of their own, which survive the window."""
