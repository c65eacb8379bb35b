package sctp

import (
	"math/rand/v2"
	"net"
	"time"
)

const (
	initInterval = time.Second
	firstPort    = 32768
	ports        = 28232
	allFlags     = 3
)

// The server keeps nothing between INIT and COOKIE ECHO: its tag is the cookie, which the client sends back.
var cookie = []byte("cook")

// SCTPConn is an association.
type SCTPConn struct {
	socket     *net.IPConn
	ownsSocket bool
	remote     *net.IPAddr
	source     uint16
	target     uint16
	ownTag     uint32
	peerTag    uint32
	messages   chan []byte
	onClose    func()
}

// DialSCTP asks for an association until it has one.
func DialSCTP(_ string, _, to *SCTPAddr) (*SCTPConn, error) {
	remote := &net.IPAddr{IP: to.ip()}
	socket, err := net.DialIP(networkOf(remote.IP), nil, remote)
	if err != nil {
		return nil, err
	}
	c := &SCTPConn{socket: socket, ownsSocket: true, remote: remote, source: uint16(firstPort + rand.IntN(ports)), target: uint16(to.Port), ownTag: 1 + rand.Uint32N(1<<31)}
	if err := c.open(); err != nil {
		socket.Close()
		return nil, err
	}
	return c, nil
}

func (c *SCTPConn) open() error {
	for {
		if err := c.send(chunkInit, 0, initBody(c.ownTag, nil)); err != nil {
			return err
		}
		c.socket.SetReadDeadline(time.Now().Add(initInterval))
		for {
			got, err := c.receive()
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				break
			}
			if err != nil {
				return err
			}
			if got.kind == chunkInitAck {
				if tag, ok := tagOf(got.body); ok {
					c.peerTag = tag
					if err := c.send(chunkCookieEcho, 0, cookie); err != nil {
						return err
					}
				}
			}
			if got.kind == chunkCookieAck {
				c.socket.SetReadDeadline(time.Time{})
				return nil
			}
		}
	}
}

// The next packet of this association.
func (c *SCTPConn) receive() (packet, error) {
	buffer := make([]byte, 65536)
	for {
		// Read would give the header of IPv4, too.
		size, _, err := c.socket.ReadFromIP(buffer)
		if err != nil {
			return packet{}, err
		}
		got, err := unmarshal(buffer[:size])
		if err == nil && got.source == c.target && got.destination == c.source && got.tag == c.ownTag {
			return got, nil
		}
	}
}

func (c *SCTPConn) send(kind, flags byte, body []byte) error {
	bytes := packet{source: c.source, destination: c.target, tag: c.peerTag, kind: kind, flags: flags, body: body}.marshal()
	if c.ownsSocket {
		_, err := c.socket.Write(bytes)
		return err
	}
	_, err := c.socket.WriteToIP(bytes, c.remote)
	return err
}

func (c *SCTPConn) Write(message []byte) (int, error) {
	return len(message), c.send(chunkData, allFlags, dataBody(c.ownTag, message))
}

func (c *SCTPConn) Read(into []byte) (int, error) {
	if !c.ownsSocket {
		message, open := <-c.messages
		if !open {
			return 0, net.ErrClosed
		}
		return copy(into, message), nil
	}
	for {
		got, err := c.receive()
		if err != nil {
			return 0, err
		}
		if got.kind == chunkData {
			return copy(into, messageOf(got.body)), nil
		}
	}
}

// SetReadDeadline ends a client's Read at a time.
func (c *SCTPConn) SetReadDeadline(at time.Time) error { return c.socket.SetReadDeadline(at) }

// SCTPRemoteAddr is the address of the other end.
func (c *SCTPConn) SCTPRemoteAddr(int) (*SCTPAddr, error) {
	return &SCTPAddr{IPAddrs: []net.IPAddr{*c.remote}, Port: int(c.target)}, nil
}

// Close tells the other end by ABORT; only the client does, as the server's last message may still be on its way.
func (c *SCTPConn) Close() error {
	if !c.ownsSocket {
		c.onClose()
		return nil
	}
	c.send(chunkAbort, 0, nil)
	return c.socket.Close()
}
