/*
 * Runs kernel tests, which have CAP_NET_ADMIN alone, and does what they ask with all rights, until they end:
 * each connection to the socket is one request (privileged.ts), served by a process of its own. All of them
 * end with this one.
 * usage: privileged SOCKET COMMAND [ARGUMENT...]; exit code: that of the command
 */
#include "privileged.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A test asks for 500 pods at once. The C library may know of 128 alone. */
enum { BACKLOG = 4096 };

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof address.sun_path) fail(path);
	strcpy(address.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0) fail(path);
	return fd;
}

static pid_t start_tests(char **arguments, const sigset_t *mask)
{
	pid_t pid = fork();
	if (pid < 0) fail("fork");
	if (pid > 0) return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	setenv("CAUSEWAY_TEST_PRIVILEGED", arguments[1], 1);
	execvp(arguments[2], arguments + 2);
	fail(arguments[2]);
}

/* Ends this process with the tests. */
static void reap(pid_t tests)
{
	int status;
	for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG))
		if (pid == tests) exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(int count, char **arguments)
{
	sigset_t children, mask;
	if (count < 3) return 2;
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, &mask);
	struct pollfd fds[] = {
		{.fd = listen_on(arguments[1]), .events = POLLIN}, {.fd = signalfd(-1, &children, SFD_CLOEXEC), .events = POLLIN}};
	pid_t tests = start_tests(arguments, &mask);
	for (;;) {
		struct signalfd_siginfo seen;
		if (poll(fds, 2, -1) < 0) fail("poll");
		if (fds[1].revents != 0 && read(fds[1].fd, &seen, sizeof seen) > 0) reap(tests);
		if (fds[0].revents == 0) continue;
		int connection = accept4(fds[0].fd, NULL, NULL, SOCK_CLOEXEC);
		pid_t pid = connection < 0 ? -1 : fork();
		if (pid < 0) fail("request");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			sigprocmask(SIG_SETMASK, &mask, NULL);
			for (int i = 0; i < 2; i++) close(fds[i].fd);
			serve_request(connection);
		}
		close(connection);
	}
}
