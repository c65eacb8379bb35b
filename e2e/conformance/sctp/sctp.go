// Package sctp stands in for github.com/ishidawataru/sctp where the kernel has no SCTP: it opens associations itself, by raw sockets (RFC 9260,
// section 5.1), so that what policies do with the protocol can be tested there. It has what agnhost uses of that package and no more: one message
// each way, no retransmission but of the first chunk.
package sctp

import (
	"net"
	"strconv"
	"strings"
)

// SCTPAddr is the address of one end; only its first IP address counts.
type SCTPAddr struct {
	IPAddrs []net.IPAddr
	Port    int
}

func (a *SCTPAddr) Network() string { return "sctp" }

func (a *SCTPAddr) String() string {
	return net.JoinHostPort(a.ip().String(), strconv.Itoa(a.Port))
}

func (a *SCTPAddr) ip() net.IP {
	if len(a.IPAddrs) == 0 {
		return net.IPv6zero
	}
	return a.IPAddrs[0].IP
}

// ResolveSCTPAddr reads HOST:PORT.
func ResolveSCTPAddr(_, text string) (*SCTPAddr, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	address := &SCTPAddr{Port: number}
	if host == "" {
		return address, nil
	}
	ip, err := net.ResolveIPAddr("ip", host)
	if err != nil {
		return nil, err
	}
	address.IPAddrs = []net.IPAddr{*ip}
	return address, nil
}

// The raw network of an address's family.
func networkOf(ip net.IP) string {
	if ip.To4() != nil && !strings.Contains(ip.String(), ":") {
		return "ip4:132"
	}
	return "ip6:132"
}
