#pragma once

#include "input.h"

/* All return the exit code; a failure has been printed then. This one runs a command with the agent. */
int run_command(const struct input *input);

/* VERSION depends on nothing: runtimes ask it before anything works, with dummies in the other variables. */
int run_version(const struct input *input);

/* Somebody runs the program by hand. */
int run_about(void);
