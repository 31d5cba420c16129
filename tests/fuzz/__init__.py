"""Every parser of what others send, fed with what nobody meant: a few seconds in CI, a minute by atheris."""
