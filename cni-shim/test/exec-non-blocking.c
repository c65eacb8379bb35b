/*
 * Makes stdin and stdout non-blocking, then becomes the program that its arguments name: Node.js gives its
 * children blocking ones only.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2) return 2;
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
		const int flags = fcntl(fd, F_GETFL);
		if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) break;
		if (fd == STDOUT_FILENO) execv(argv[1], argv + 1);
	}
	perror("exec-non-blocking");
	return 1;
}
