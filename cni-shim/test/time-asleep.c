/*
 * Runs a program, and writes to a descriptor for how many milliseconds it was asleep by its own will: not the
 * time in which it ran, or could have run and had no processor, which is all that a busy machine adds.
 * usage: time-asleep DESCRIPTOR PROGRAM [ARGUMENT...]; exit code: the program's
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Nanoseconds that a process has run and waited for a processor (Documentation/scheduler/sched-stats.rst). */
static long long awake(const char *process, long long *waited)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%s/schedstat", process);
	FILE *file = fopen(path, "r");
	long long ran = 0;
	if (file == NULL || fscanf(file, "%lld %lld", &ran, waited) != 2) {
		perror(path);
		exit(2);
	}
	fclose(file);
	return ran + *waited;
}

static long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: time-asleep DESCRIPTOR PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	const int report = atoi(argv[1]);
	if (fcntl(report, F_SETFD, FD_CLOEXEC) < 0) return 2;
	const long long started = now();
	const pid_t child = fork();
	if (child < 0) return 2;
	if (child == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(2);
	}
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	long long before = 0;
	awake("self", &before);
	siginfo_t end = {0};
	/* It stays to be asked until it is waited for. */
	if (waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT) < 0) return 2;
	const long long took = now() - started;
	long long after = 0;
	awake("self", &after);
	char process[24];
	snprintf(process, sizeof process, "%d", (int)child);
	long long waited = 0;
	/* What this program waited for a processor to notice the end is no sleep of the other. */
	const long long asleep = took - awake(process, &waited) - (after - before);
	int status = 0;
	if (waitpid(child, &status, 0) < 0) return 2;
	dprintf(report, "%.3f\n", (double)asleep / 1e6);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
