"""The wire's rules, pure: no Trio, no sockets, no clocks; time and ids are arguments."""
