// GuestLink
