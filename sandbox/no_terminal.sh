# Read by every bash that a step starts (BASH_ENV). act gives each step a terminal of its own, at which nobody sits: what
# asks there (git for a password, ssh whether it may connect, `read`) would wait for ever. Now it reads the end of input.
{ stty -icanon min 0 time 0 < /dev/tty; } 2> /dev/null || :
