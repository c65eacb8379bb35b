/*
 * Sends datagrams to one port, each from an address and port of its own, so that each is a new connection to
 * whoever tracks them. The addresses, from 198.18.0.0 on (RFC 2544), must be local. Prints the nanoseconds
 * that all have taken.
 * usage: flood ADDRESS PORT COUNT FIRST
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 50000, FIRST_PORT = 10000 };

static const uint32_t FIRST_ADDRESS = 0xc6120000;

static void need(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET}, from = to;
	if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: flood ADDRESS PORT COUNT FIRST\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	uint32_t count = (uint32_t)atoi(argv[3]), first = (uint32_t)atoi(argv[4]);
	uint64_t start_ns = now_ns();
	for (uint32_t i = first; i < first + count; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		need(fd >= 0, "socket");
		from.sin_addr.s_addr = htonl(FIRST_ADDRESS + i / PORTS);
		from.sin_port = htons((uint16_t)(FIRST_PORT + i % PORTS));
		need(bind(fd, (struct sockaddr *)&from, sizeof from) == 0, "bind");
		need(sendto(fd, "?", 1, 0, (struct sockaddr *)&to, sizeof to) == 1, "sendto");
		close(fd);
	}
	printf("%llu\n", (unsigned long long)(now_ns() - start_ns));
	return 0;
}
