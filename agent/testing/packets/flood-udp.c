/*
 * Sends datagrams to port 9 of all addresses, over and over, whether they get anywhere or not, until it is
 * killed.
 * usage: flood-udp ADDRESS...
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 9, PAUSE_US = 1000 };

int main(int count, char **arguments)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		for (int i = 1; i < count; i++) {
			struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
			if (inet_pton(AF_INET, arguments[i], &address.sin_addr) != 1) return 1;
			sendto(fd, "?", 1, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address);
		}
		usleep(PAUSE_US);
	}
}
