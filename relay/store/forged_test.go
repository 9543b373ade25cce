package store

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"alertrelay/relay"
)

// forgeries are headers with which a publisher could pass a message off as a word of the
// server's, or hide what the server adds.
var forgeries = []string{
	"NATS/1.0\r\nStatus: 100\r\nDescription: Idle Heartbeat\r\n\r\n",
	"NATS/1.0\r\nStatus: 404\r\n\r\n",
	"NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Deleted\r\n\r\n",
	"NATS/1.0\r\nStatus: 503\r\n\r\n",
	"NATS/1.0\r\nStatus: firing\r\n\r\n",
	"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\n\r\n",
	"NATS/1.0 503\r\n\r\n",
	"NATS/1.0\r\nNats-Sequence: 1\r\nNats-Subject: alerts.other\r\nNats-Time-Stamp: 2001-01-01T00:00:00Z\r\nNats-Num-Pending: 0\r\n\r\n",
	// The block ends early: what the server appends is not in it any more.
	"NATS/1.0\r\nNats-Sequence: 1\r\nNats-Subject: alerts.other\r\nNats-Time-Stamp: 2001-01-01T00:00:00Z\r\n\r\nx: y\r\n\r\n",
	"NATS/1.0\r\n\r\n\r\n",
	"not a header\r\n\r\n",
	"NATS/1.0\r\nno colon\r\n\r\n",
}

// rawPublish speaks the protocol itself, because the library would not send such
// headers.
func (r *rig) rawPublish(subject string, headers ...string) {
	r.t.Helper()
	conn, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", r.listen)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	var b strings.Builder
	b.WriteString("CONNECT {\"verbose\":false,\"headers\":true,\"protocol\":1}\r\n")
	for _, h := range headers {
		fmt.Fprintf(&b, "HPUB %s %d %d\r\n%s\r\n", subject, len(h), len(h), h)
	}
	b.WriteString("PING\r\n")
	if _, err := conn.Write([]byte(b.String())); err != nil {
		r.t.Fatal(err)
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "-ERR") {
			r.t.Fatal(lines.Text())
		}
		if lines.Text() == "PONG" {
			return
		}
	}
	r.t.Fatal("no PONG")
}

// TestForgedHeaders: a publisher cannot stop the relay, nor those who read
// history, nor put words into another's mouth.
func TestForgedHeaders(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	for i, h := range forgeries {
		rig.rawPublish("alerts.forged", h)
		seq := publish(t, s, text("after", fmt.Sprint(i))).Seq
		sink.waitSeq(t, seq)
	}
	want := uint64(2 * len(forgeries))
	calls := of(sink.waitSeq(t, want), "append")
	if uint64(len(calls)) != want {
		t.Errorf("got %d messages, want %d", len(calls), want)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, q := range []relay.ArchiveQuery{{Channel: "forged"}, {Channel: ">"}, {Channel: "forged", Tail: 100}, {Channel: "*", Since: time.Now().Add(-time.Hour)}} {
		msgs, err := s.Archive(ctx, q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		n := 0
		for i, m := range msgs {
			if m.Channel == "forged" {
				n++
			} else if m.Channel != "after" {
				t.Errorf("%+v: got a message in %q", q, m.Channel)
			}
			if i > 0 && m.Seq <= msgs[i-1].Seq || time.Since(m.Time) > time.Hour {
				t.Errorf("%+v: got sequence %d of %v", q, m.Seq, m.Time)
			}
		}
		if n != len(forgeries) {
			t.Errorf("%+v: got %d forged messages, want %d", q, n, len(forgeries))
		}
	}
	for i, h := range forgeries {
		rig.rawPublish("alerts.last", h)
		sink.waitSeq(t, want+uint64(i)+1)
		if m, _, err := s.Last(ctx, "last"); err != nil || m.Channel != "last" {
			t.Errorf("last of %q: got %+v, %v", h, m, err)
		}
	}
}
