/*
 * Runs programs and measures each from posix_spawn to the end of its wait, as a container runtime would see
 * it. Nothing but that is in the timed path: the runs are read and their files opened beforehand, and the
 * times are printed afterwards.
 *
 * usage: launch NETNS CONCURRENCY RUNS
 *   NETNS        path of the network namespace in which the programs run
 *   CONCURRENCY  how many run at the same time
 *   RUNS         a file: runs separated by an empty line, each of the lines
 *                  program PATH     once, first
 *                  env KEY=VALUE    any number
 *                  stdin PATH       once
 *                  stdout PATH      once
 * Prints one line per run, in the order of the file: START END CPU STATUS. START and END are nanoseconds
 * since the first run's start, CPU is microseconds of CPU time of the program and all the processes that it
 * waited for, STATUS is the exit code, or 128 and the number of the signal. Programs share this program's
 * stderr.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RUNS = 10000, MAX_ENV = 32 };

struct run {
	char *program;
	char *env[MAX_ENV + 1];
	int env_count;
	int input;
	int output;
	pid_t pid;
	long long start_ns;
	long long end_ns;
	long long cpu_us;
	int status;
};

static void fail(const char *action, const char *object, int error)
{
	fprintf(stderr, "launch: Cannot %s \"%s\": %s\n", action, object, strerror(error));
	exit(1);
}

static long long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0) fail("open", path, errno);
	return fd;
}

static void read_line(struct run *run, char *line)
{
	char *value = strchr(line, ' ');
	if (value == NULL) fail("read the line", line, EINVAL);
	*value++ = '\0';
	if (strcmp(line, "program") == 0)
		run->program = strdup(value);
	else if (strcmp(line, "env") == 0 && run->env_count < MAX_ENV)
		run->env[run->env_count++] = strdup(value);
	else if (strcmp(line, "stdin") == 0)
		run->input = open_file(value, O_RDONLY);
	else if (strcmp(line, "stdout") == 0)
		run->output = open_file(value, O_WRONLY | O_CREAT | O_TRUNC);
	else
		fail("use the line", line, EINVAL);
}

static size_t read_runs(const char *path, struct run *runs)
{
	FILE *file = fopen(path, "re");
	if (file == NULL) fail("open", path, errno);
	char *line = NULL;
	size_t size = 0, count = 0;
	ssize_t length;
	int is_open = 0;
	while ((length = getline(&line, &size, file)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (*line == '\0') {
			is_open = 0;
			continue;
		}
		if (!is_open && count == MAX_RUNS) fail("read all of", path, E2BIG);
		if (!is_open) runs[count++] = (struct run){.input = -1, .output = -1};
		is_open = 1;
		read_line(&runs[count - 1], line);
	}
	free(line);
	if (ferror(file) != 0) fail("read", path, EIO);
	fclose(file);
	for (size_t i = 0; i < count; i++)
		if (runs[i].program == NULL || runs[i].input < 0 || runs[i].output < 0) fail("use an incomplete run of", path, EINVAL);
	return count;
}

static void spawn(struct run *run, posix_spawn_file_actions_t *files)
{
	char *argv[] = {run->program, NULL};
	run->start_ns = now_ns();
	int error = posix_spawn(&run->pid, run->program, files, NULL, argv, run->env);
	if (error != 0) fail("run", run->program, error);
}

static void prepare(struct run *run, posix_spawn_file_actions_t *files)
{
	if (posix_spawn_file_actions_init(files) != 0 || posix_spawn_file_actions_adddup2(files, run->input, STDIN_FILENO) != 0 ||
		posix_spawn_file_actions_adddup2(files, run->output, STDOUT_FILENO) != 0)
		fail("prepare", run->program, ENOMEM);
}

/* Takes the exit code of a run that has ended. Returns 0 if none has, which only happens with WNOHANG. */
static int reap(struct run *runs, size_t started, int flags)
{
	int status;
	pid_t pid;
	struct rusage usage;
	do pid = wait4(-1, &status, flags, &usage);
	while (pid < 0 && errno == EINTR);
	long long end_ns = now_ns();
	if (pid < 0) fail("wait for", "a run", errno);
	for (size_t i = 0; pid > 0 && i < started; i++) {
		if (runs[i].pid != pid) continue;
		runs[i].end_ns = end_ns;
		runs[i].cpu_us =
			(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
		runs[i].status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct run runs[MAX_RUNS];
	static posix_spawn_file_actions_t files[MAX_RUNS];
	if (argc != 4) fail("use the arguments of", argv[0], EINVAL);
	if (setns(open_file(argv[1], O_RDONLY), CLONE_NEWNET) != 0) fail("enter", argv[1], errno);
	size_t concurrency = strtoul(argv[2], NULL, 10);
	if (concurrency == 0) fail("use the concurrency", argv[2], EINVAL);
	size_t count = read_runs(argv[3], runs);
	for (size_t i = 0; i < count; i++) prepare(&runs[i], &files[i]);

	size_t started = 0, ended = 0;
	while (ended < count) {
		if (started < count && started - ended < concurrency) {
			spawn(&runs[started], &files[started]);
			started += 1;
			/*
			 * What ended while others were started has its end seen now, not when all are
			 * started.
			 */
			while (concurrency > 1 && ended < started && reap(runs, started, WNOHANG)) ended += 1;
		} else {
			ended += (size_t)reap(runs, started, 0);
		}
	}
	for (size_t i = 0; i < count; i++)
		printf("%lld %lld %lld %d\n", runs[i].start_ns - runs[0].start_ns, runs[i].end_ns - runs[0].start_ns, runs[i].cpu_us,
			runs[i].status);
	return 0;
}
