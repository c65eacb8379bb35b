package sctp

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

const (
	chunkData       = 0
	chunkInit       = 1
	chunkInitAck    = 2
	chunkAbort      = 6
	chunkCookieEcho = 10
	chunkCookieAck  = 11
)

const (
	headerSize   = 12
	receiverRoom = 65536
	stateCookie  = 7
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// One packet with one chunk.
type packet struct {
	source, destination uint16
	tag                 uint32
	kind, flags         byte
	body                []byte
}

func (p packet) marshal() []byte {
	length := 4 + len(p.body)
	bytes := make([]byte, headerSize+(length+3)/4*4)
	binary.BigEndian.PutUint16(bytes[0:], p.source)
	binary.BigEndian.PutUint16(bytes[2:], p.destination)
	binary.BigEndian.PutUint32(bytes[4:], p.tag)
	bytes[12], bytes[13] = p.kind, p.flags
	binary.BigEndian.PutUint16(bytes[14:], uint16(length))
	copy(bytes[16:], p.body)
	binary.LittleEndian.PutUint32(bytes[8:], crc32.Checksum(bytes, castagnoli))
	return bytes
}

func unmarshal(bytes []byte) (packet, error) {
	if len(bytes) < headerSize+4 {
		return packet{}, errors.New("short packet")
	}
	length := int(binary.BigEndian.Uint16(bytes[14:]))
	if length < 4 || headerSize+length > len(bytes) {
		return packet{}, errors.New("chunk with a wrong length")
	}
	return packet{
		source:      binary.BigEndian.Uint16(bytes[0:]),
		destination: binary.BigEndian.Uint16(bytes[2:]),
		tag:         binary.BigEndian.Uint32(bytes[4:]),
		kind:        bytes[12],
		flags:       bytes[13],
		body:        bytes[16 : headerSize+length],
	}, nil
}

// The body of INIT, and with a cookie that of INIT ACK.
func initBody(tag uint32, cookie []byte) []byte {
	body := make([]byte, 16)
	binary.BigEndian.PutUint32(body[0:], tag)
	binary.BigEndian.PutUint32(body[4:], receiverRoom)
	binary.BigEndian.PutUint16(body[8:], 1)
	binary.BigEndian.PutUint16(body[10:], 1)
	binary.BigEndian.PutUint32(body[12:], tag)
	if cookie == nil {
		return body
	}
	parameter := binary.BigEndian.AppendUint16(nil, stateCookie)
	parameter = binary.BigEndian.AppendUint16(parameter, uint16(4+len(cookie)))
	return append(append(body, parameter...), cookie...)
}

func tagOf(body []byte) (uint32, bool) {
	if len(body) < 16 {
		return 0, false
	}
	return binary.BigEndian.Uint32(body), true
}

// A whole message as one DATA chunk: stream 0, first and last fragment.
func dataBody(sequence uint32, message []byte) []byte {
	body := binary.BigEndian.AppendUint32(nil, sequence)
	return append(append(body, make([]byte, 8)...), message...)
}

func messageOf(body []byte) []byte {
	if len(body) < 12 {
		return nil
	}
	return body[12:]
}
