/*
 * Runs a program and kills it when it is about to make its N-th system call, counted from 1: so every step of
 * a shipped program can be its last, without fault points in it. On stderr it says "killed before NAME" or
 * "ended".
 * usage: kill-at N PROGRAM [ARGUMENT...]; exit code: 137 when it was killed, else the program's
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
/* After sys/ptrace.h, whose names it would define again. */
#include <linux/ptrace.h>

static const struct {
	unsigned long long number;
	const char *name;
} names[] = {
	{SYS_read, "read"},
	{SYS_write, "write"},
	{SYS_openat, "openat"},
	{SYS_close, "close"},
	{SYS_socket, "socket"},
	{SYS_connect, "connect"},
	{SYS_sendmsg, "sendmsg"},
	{SYS_sendto, "sendto"},
	{SYS_recvfrom, "recv"},
	{SYS_recvmsg, "recvmsg"},
	{SYS_setns, "setns"},
	{SYS_ppoll, "ppoll"},
	{SYS_exit_group, "exit"},
	{SYS_writev, "writev"},
	{SYS_bind, "bind"},
	{SYS_clock_nanosleep, "sleep"},
#ifdef SYS_open
	{SYS_open, "open"},
	{SYS_poll, "poll"},
#endif
};

static void say(pid_t child)
{
	struct __ptrace_syscall_info info = {0};
	if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) < 0) {
		fputs("killed before an unknown call\n", stderr);
		return;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].number != info.entry.nr) continue;
		fprintf(stderr, "killed before %s\n", names[i].name);
		return;
	}
	fprintf(stderr, "killed before call %llu\n", (unsigned long long)info.entry.nr);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: kill-at N PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	long left = atol(argv[1]);
	pid_t child = fork();
	if (child < 0) return 2;
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) _exit(2);
		execv(argv[2], argv + 2);
		_exit(2);
	}
	int status = 0;
	int is_entry = 0;
	if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) return 2;
	if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0) return 2;
	for (int signal_number = 0;;) {
		if (ptrace(PTRACE_SYSCALL, child, NULL, (void *)(long)signal_number) < 0 || waitpid(child, &status, 0) < 0) return 2;
		if (WIFEXITED(status)) {
			fputs("ended\n", stderr);
			return WEXITSTATUS(status);
		}
		if (!WIFSTOPPED(status)) return 2;
		signal_number = WSTOPSIG(status);
		if (signal_number != (SIGTRAP | 0x80)) continue;
		signal_number = 0;
		is_entry = !is_entry;
		if (!is_entry || --left > 0) continue;
		say(child);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return 137;
	}
}
