"""Has the commands for what attendees are given: links, mails and passes for wallets."""
