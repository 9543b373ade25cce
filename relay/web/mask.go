package web

import "encoding/binary"

// masker lets frames of clients through that are not masked, which RFC 6455 5.1
// forbids and the module takes (protocol 10.3, misc/spec 207): it masks them with
// zeros, which changes nothing, because melody would refuse them.
type masker struct {
	header []byte // of a frame, as far as it has come
	left   uint64 // bytes of the frame still to come
}

const maskBit = 0x80

// append appends what came in, in frames with masks.
func (m *masker) append(out, in []byte) []byte {
	for len(in) > 0 {
		if m.left > 0 {
			n := min(m.left, uint64(len(in)))
			out = append(out, in[:n]...)
			in, m.left = in[n:], m.left-n
			continue
		}
		m.header = append(m.header, in[0])
		in = in[1:]
		size, whole := m.size()
		if !whole {
			continue
		}
		masked := m.header[1]&maskBit != 0
		m.header[1] |= maskBit
		out = append(out, m.header...)
		if masked {
			size += 4 // its mask comes before it
		} else {
			out = append(out, 0, 0, 0, 0)
		}
		m.left, m.header = size, m.header[:0]
	}
	return out
}

// size is that of the frame whose header has come; whole is false if it has not
// come to its end.
func (m *masker) size() (n uint64, whole bool) {
	h := m.header
	if len(h) < 2 {
		return 0, false
	}
	switch n := h[1] &^ maskBit; {
	case n < 126:
		return uint64(n), true
	case n == 126:
		if len(h) < 4 {
			return 0, false
		}
		return uint64(binary.BigEndian.Uint16(h[2:])), true
	default:
		if len(h) < 10 {
			return 0, false
		}
		return binary.BigEndian.Uint64(h[2:]) &^ (1 << 63), true
	}
}
