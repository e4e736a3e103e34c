"""Where every change is: what runs in which environment, and what keeps it from the next."""
