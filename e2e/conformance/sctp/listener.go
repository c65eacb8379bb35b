package sctp

import (
	"math/rand/v2"
	"net"
	"sync"
)

// SCTPListener takes associations of one port, of IPv4 and IPv6.
type SCTPListener struct {
	port     uint16
	sockets  []*net.IPConn
	accepted chan *SCTPConn
	failed   chan error
	lock     sync.Mutex
	known    map[string]*SCTPConn
}

// ListenSCTP takes associations at an address; all addresses if it has none.
func ListenSCTP(_ string, at *SCTPAddr) (*SCTPListener, error) {
	l := &SCTPListener{port: uint16(at.Port), accepted: make(chan *SCTPConn, 64), failed: make(chan error, 2), known: map[string]*SCTPConn{}}
	for _, network := range []string{"ip4:132", "ip6:132"} {
		socket, err := net.ListenIP(network, nil)
		if err != nil {
			l.Close()
			return nil, err
		}
		l.sockets = append(l.sockets, socket)
		go l.serve(socket)
	}
	return l, nil
}

func (l *SCTPListener) AcceptSCTP() (*SCTPConn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case err := <-l.failed:
		return nil, err
	}
}

func (l *SCTPListener) Close() error {
	for _, socket := range l.sockets {
		socket.Close()
	}
	return nil
}

func (l *SCTPListener) serve(socket *net.IPConn) {
	for {
		buffer := make([]byte, 65536)
		size, from, err := socket.ReadFromIP(buffer)
		if err != nil {
			l.failed <- err
			return
		}
		if got, err := unmarshal(buffer[:size]); err == nil && got.destination == l.port {
			l.take(socket, from, got)
		}
	}
}

func (l *SCTPListener) take(socket *net.IPConn, from *net.IPAddr, got packet) {
	key := (&SCTPAddr{IPAddrs: []net.IPAddr{*from}, Port: int(got.source)}).String()
	l.lock.Lock()
	defer l.lock.Unlock()
	c := l.known[key]
	switch got.kind {
	case chunkInit:
		tag, ok := tagOf(got.body)
		if !ok {
			return
		}
		c = &SCTPConn{socket: socket, remote: from, source: l.port, target: got.source, ownTag: 1 + rand.Uint32N(1<<31), peerTag: tag, messages: make(chan []byte, 8)}
		c.onClose = func() { l.forget(key) }
		l.known[key] = c
		c.send(chunkInitAck, 0, initBody(c.ownTag, cookie))
	case chunkCookieEcho:
		if c != nil && c.ownTag == got.tag {
			c.send(chunkCookieAck, 0, nil)
			l.accepted <- c
		}
	case chunkData:
		if c != nil && c.ownTag == got.tag {
			c.messages <- messageOf(got.body)
		}
	case chunkAbort:
		delete(l.known, key)
	}
}

func (l *SCTPListener) forget(key string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	delete(l.known, key)
}
