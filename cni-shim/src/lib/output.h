#pragma once

#include <stddef.h>

/* A line for whoever reads the runtime's log. Best effort: stderr is nobody's contract. */
void log_line(const char *head, const char *tail);

/* Prints a command's result and returns `exit_code`, or 1 when nobody can have read it. */
int print(const void *bytes, size_t length, int exit_code);

/* Prints the recorded failure as the error JSON of SPEC.md, section "Error". Returns the exit code. */
int print_failure(void);
