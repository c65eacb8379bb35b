/* The process of a pod sandbox: keeps the namespaces, reaps orphans, ends on SIGTERM or SIGINT. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t set;
	int received;

	if (sigemptyset(&set) != 0 || sigaddset(&set, SIGTERM) != 0 || sigaddset(&set, SIGINT) != 0 || sigaddset(&set, SIGCHLD) != 0 ||
		sigprocmask(SIG_BLOCK, &set, 0) != 0)
		return 1;
	for (;;) {
		received = sigwaitinfo(&set, 0);
		if (received == SIGTERM || received == SIGINT) return 0;
		if (received < 0 && errno != EINTR) return 1;
		while (waitpid(-1, 0, WNOHANG) > 0) continue;
	}
}
