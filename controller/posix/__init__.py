"""What access points with a shell share: the helper, accounts, uci."""
