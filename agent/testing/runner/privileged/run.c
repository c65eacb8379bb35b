/* Runs the program of a request, and gathers what it prints. */
#include "privileged.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the helper's own environment every program gets these: those of Node.js share what has been compiled. */
static const char *const passed_on[] = {"PATH", "NODE_COMPILE_CACHE"};

static void set_environment(char **wanted)
{
	enum { COUNT = sizeof passed_on / sizeof *passed_on };

	char *values[COUNT];
	for (int i = 0; i < COUNT; i++) values[i] = getenv(passed_on[i]);
	clearenv();
	for (int i = 0; i < COUNT; i++)
		if (values[i] != NULL) setenv(passed_on[i], values[i], 1);
	for (; *wanted != NULL; wanted++) putenv(*wanted);
}

static bool enter_netns(const char *path)
{
	if (*path == 0) return true;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
}

/* In the new process; comes back only with an error. */
static void become(const struct request *request, const int ends[3])
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++) dup2(ends[i], i);
	set_environment(request->environment);
	if (enter_netns(request->netns)) execvp(request->command[0], request->command);
}

/* Starts the program; gives its process ID, and our ends of its stdin, stdout and stderr. */
static pid_t start(int connection, const struct request *request, int ours[3])
{
	int pipes[4][2], error = 0;
	for (int i = 0; i < 4; i++)
		if (pipe2(pipes[i], O_CLOEXEC) != 0) refuse(connection, "pipe", strerror(errno));
	pid_t pid = fork();
	if (pid < 0) refuse(connection, "fork", strerror(errno));
	if (pid == 0) {
		become(request, (int[]){pipes[0][0], pipes[1][1], pipes[2][1]});
		error = errno;
		_exit(write(pipes[3][1], &error, sizeof error) > 0 ? 127 : 126);
	}
	for (int i = 0; i < 4; i++) close(pipes[i][i == 0 ? 0 : 1]);
	if (read(pipes[3][0], &error, sizeof error) > 0) refuse(connection, request->command[0], strerror(error));
	close(pipes[3][0]);
	for (int i = 0; i < 3; i++) ours[i] = pipes[i][i == 0 ? 1 : 0];
	return pid;
}

struct program {
	pid_t pid;
	struct pollfd fds[3];
	struct text printed[2];
};

static void end_fd(struct pollfd *fd)
{
	close(fd->fd);
	fd->fd = -1;
}

static void write_input(struct program *program, struct request *request)
{
	struct pollfd *in = &program->fds[0];
	if (in->fd < 0 || (in->revents == 0 && request->input_size > 0)) return;
	ssize_t written = request->input_size == 0 ? 0 : write(in->fd, request->input, request->input_size);
	request->input += written > 0 ? written : 0;
	request->input_size -= written > 0 ? (size_t)written : 0;
	/* A program that reads no input may close it. */
	if (request->input_size == 0 || (written < 0 && errno != EAGAIN)) end_fd(in);
}

/* Moves what can be moved; false when the program will print nothing more. */
static bool move(struct program *program, struct request *request)
{
	write_input(program, request);
	if (program->fds[1].fd < 0 && program->fds[2].fd < 0) return false;
	if (poll(program->fds, 3, -1) < 0) return errno == EINTR;
	for (int i = 1; i < 3; i++)
		if (program->fds[i].revents != 0 && read_more(program->fds[i].fd, &program->printed[i - 1]) == 0) end_fd(&program->fds[i]);
	return true;
}

/* Answers with the first line, and lets the program print on. */
static void run_on(int connection, struct program *program, struct request *request)
{
	struct text *out = &program->printed[0], none = {0};
	char *newline = NULL;
	while (newline == NULL && move(program, request)) newline = out->size == 0 ? NULL : memchr(out->bytes, '\n', out->size);
	if (newline == NULL) refuse(connection, request->command[0], "ended before its first line");
	out->size = (size_t)(newline - out->bytes);
	answer(connection, program->pid, 0, out, &none);
	/* It may end before others that it has left its stdout to. */
	signal(SIGCHLD, SIG_IGN);
	waitpid(program->pid, NULL, WNOHANG);
	while (move(program, request)) out->size = program->printed[1].size = 0;
}

_Noreturn void run_program(int connection, const struct request *asked)
{
	struct request request = *asked;
	int ours[3], status = 0;
	bool is_background = strcmp(request.kind, "start") == 0;
	struct program program = {.pid = start(connection, &request, ours)};
	for (int i = 0; i < 3; i++) program.fds[i] = (struct pollfd){.fd = ours[i], .events = i == 0 ? POLLOUT : POLLIN};
	fcntl(ours[0], F_SETFL, O_NONBLOCK);
	if (is_background) run_on(connection, &program, &request);
	while (move(&program, &request))
		;
	waitpid(program.pid, &status, 0);
	if (!is_background) {
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
		answer(connection, program.pid, code, &program.printed[0], &program.printed[1]);
	}
	exit(0);
}
