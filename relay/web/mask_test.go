package web

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// Frames come in pieces of any size; masked ones pass as they are, others get a
// mask of zeros, and what is in them stays.
func FuzzMasker(f *testing.F) {
	f.Add([]byte("\x81\x85\x01\x02\x03\x04hello\x81\x05hello"), uint8(1))
	f.Add([]byte("\x01\x03Hel\x80\x02lo\x89\x00\x88\x82\x00\x00\x00\x00\x03\xe8"), uint8(3))
	f.Add([]byte("\x81\x7e\x00\x80"), uint8(2))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"), uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		var whole, pieces masker
		want := whole.append(nil, in)
		var got []byte
		for rest := in; len(rest) > 0; {
			n := min(int(step%16)+1, len(rest))
			got = pieces.append(got, rest[:n])
			rest = rest[n:]
		}
		if !bytes.Equal(got, want) {
			t.Errorf("in pieces of %d: got %q, want %q", step%16+1, got, want)
		}
		sent, came := frames(in), frames(want)
		if len(sent) != len(came) {
			t.Fatalf("%d whole frames became %d", len(sent), len(came))
		}
		for i := range sent {
			if !came[i].masked || came[i].first != sent[i].first || !bytes.Equal(came[i].payload, sent[i].payload) {
				t.Errorf("frame %d: got %+v, want %+v with a mask", i, came[i], sent[i])
			}
		}
	})
}

type clientFrame struct {
	first   byte
	masked  bool
	payload []byte // unmasked
}

// frames reads whole frames (RFC 6455 5.2).
func frames(b []byte) (all []clientFrame) {
	for len(b) >= 2 {
		frame := clientFrame{first: b[0], masked: b[1]&0x80 != 0}
		n, rest := uint64(b[1]&0x7f), b[2:]
		switch {
		case n == 126 && len(rest) >= 2:
			n, rest = uint64(binary.BigEndian.Uint16(rest)), rest[2:]
		case n == 127 && len(rest) >= 8:
			n, rest = binary.BigEndian.Uint64(rest)&^(1<<63), rest[8:]
		case n >= 126:
			return all
		}
		var mask [4]byte
		if frame.masked {
			if len(rest) < 4 {
				return all
			}
			mask, rest = [4]byte(rest), rest[4:]
		}
		if uint64(len(rest)) < n {
			return all
		}
		for i, c := range rest[:n] {
			frame.payload = append(frame.payload, c^mask[i%4])
		}
		all, b = append(all, frame), rest[n:]
	}
	return all
}
