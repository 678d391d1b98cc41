"""What a process that stays, such as a service, keeps in memory."""
