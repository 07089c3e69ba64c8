/*
 * pause holds a pod's namespaces open: it waits for a request to stop and collects the exit status of processes
 * that the pod's containers left behind (it is PID 1 where a pod shares one process namespace).
 * Signals are waited for rather than handled, so there is no code that runs asynchronously.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#ifndef VERSION
#error "build with -DVERSION=\"x.y.z\""
#endif

static void reap(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0 || (pid < 0 && errno == EINTR));
}

int main(int argc, char **argv)
{
	sigset_t wanted;
	int received;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("pause " VERSION) < 0;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &wanted, NULL) != 0) {
		perror("pause: cannot block signals");
		return 1;
	}
	for (;;) {
		reap();
		if (sigwait(&wanted, &received) == 0 && received != SIGCHLD)
			return 0;
	}
}
