"""Who people are: identity and keys, passwords, vouchers, one-time codes. What they may do is in `admission`. Pure."""
