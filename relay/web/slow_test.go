package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// sayMany publishes n messages of a channel from several goroutines, so that it
// takes less time: each once, in an order of their own.
func (s *server) sayMany(channel string, n int, text func(i int) string) {
	s.t.Helper()
	const at = 16
	var wg sync.WaitGroup
	var last [at]uint64
	for p := range at {
		wg.Go(func() {
			for i := p; i < n; i += at {
				r, err := s.store.Publish(context.Background(), relay.Publication{Channel: channel, Text: []byte(text(i))})
				if err != nil {
					s.t.Error(err)
					return
				}
				last[p] = r.Seq
			}
		})
	}
	wg.Wait()
	for _, seq := range last {
		if err := s.hub.WaitApplied(context.Background(), seq); err != nil {
			s.t.Error(err)
		}
	}
}

// Promises 2 and 4: a subscriber that does not read for a while has everything in
// the end, and meanwhile costs nothing and harms nobody.
func TestSlowSubscriber(t *testing.T) {
	const messages, buffer = 5000, 8 << 20
	s := newServer(t, site.Builtin(), func(o *setup) { o.hub.BufferBytes = buffer })
	padding := strings.Repeat("x", 2000)
	text := func(i int) string { return fmt.Sprintf("%d %s", i, padding) }

	var slow []*subscriber
	for _, tr := range []transport{sse, stream, websocket} {
		c := s.subscribe(t, tr, "slow", "")
		narrow(t, c.conn)
		slow = append(slow, c)
	}
	var others []*subscriber
	for _, tr := range transports {
		others = append(others, s.subscribe(t, tr, "quick", ""))
	}
	before := heap()
	start := time.Now()
	s.sayMany("slow", messages, text)
	t.Logf("published in %s", time.Since(start))
	if grown := heap() - before; grown > 5*buffer/2 {
		t.Errorf("the heap grew by %d MiB, with a buffer of %d MiB", grown>>20, buffer>>20)
	}
	for _, c := range others {
		s.say("quick", "a message")
		c.wants("a message")
		c.end()
	}
	var wg sync.WaitGroup
	var misnumbered atomic.Int64
	for _, c := range slow {
		wg.Go(func() {
			seen := make([]bool, messages)
			last, count := uint64(0), 0
			for count < messages {
				e, err := c.read()
				switch {
				case err != nil:
					t.Errorf("%s: %v after %d messages", c.name, err, count)
					return
				case e.comment != "" || e.kind == "ping" || e.ID == -1:
					continue
				}
				var n int
				if _, err := fmt.Sscanf(e.Text, "%d ", &n); err != nil || e.Text != text(n) || seen[n] || e.tag() <= last {
					t.Errorf("%s: after %d messages and tag %d got number %d, tag %s, seen: %v; %.80q", c.name, count, last, n, e.Tag, seen[n], e.Text)
					return
				}
				if count++; e.ID != count {
					misnumbered.Add(1)
				}
				seen[n], last = true, e.tag()
			}
			c.end()
		})
	}
	wg.Wait()
	t.Logf("all read after %s", time.Since(start))
	s.subscribers(0)
	t.Run("numbers from the archive", func(t *testing.T) {
		if n := misnumbered.Load(); n > 0 {
			t.Errorf("%d messages that came from the archive had other numbers (id) than others got for them", n)
		}
	})
}

// A subscriber that takes nothing for SendTimeout is dropped; one that takes
// something now and then is not.
func TestStuckSubscriber(t *testing.T) {
	t.Parallel()
	const sendTimeout = time.Second
	s := newServer(t, site.Builtin(), withSendTimeout(sendTimeout))
	text := strings.Repeat("x", 512<<10)
	for _, tr := range []transport{sse, stream, websocket} {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			channel := "stuck." + tr.name
			stuck := s.subscribe(t, tr, channel, "")
			narrow(t, stuck.conn)
			slow := s.subscribe(t, tr, channel, "")
			quick := s.subscribe(t, tr, channel, "")
			s.listeners(t, channel, 3)
			const messages = 24 // more than the kernel keeps for a connection
			total := messages * int64(len(text))
			read := func(c *subscriber, step int64, rest time.Duration) <-chan error {
				done := make(chan error, 1)
				c.conn.deadline(patience)
				go func() {
					for left := total; left > 0; left -= step {
						if _, err := io.CopyN(io.Discard, c.conn.r, min(step, left)); err != nil {
							done <- fmt.Errorf("%w with %d KiB to come", err, left>>10)
							return
						}
						time.Sleep(rest)
					}
					done <- nil
				}()
				return done
			}
			reading := read(quick, 64<<10, 0)
			// A little at a time, for longer than SendTimeout. The kernel wants a good
			// part of its buffer, up to 4 MiB, free before it takes more.
			slowly := read(slow, 256<<10, sendTimeout/20)
			for range messages {
				s.say(channel, text)
			}
			if err := <-reading; err != nil {
				t.Errorf("the quick one: %v", err)
			}
			quick.end()
			if err := <-slowly; err != nil {
				t.Errorf("the slow one: %v", err)
			}
			s.listeners(t, channel, 1)
			stuck.conn.deadline(patience)
			if _, err := io.Copy(io.Discard, bufio.NewReader(stuck.conn.Conn)); isTimeout(err) {
				t.Error("the stuck one is not closed")
			}
			slow.end()
			s.listeners(t, channel, 0)
			s.remove(channel, "")
		})
	}
}

// A long poll's answer that is not read is given up as well.
func TestStuckPoll(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin(), withSendTimeout(300*time.Millisecond))
	for range 24 {
		s.say("big", strings.Repeat("x", 512<<10))
	}
	for _, path := range []string{"/poll/big.b100", "/lp/big.b100"} {
		c := s.dial(t)
		narrow(t, c)
		c.request("GET "+path, "")
		s.listeners(t, "big", 1)
		s.listeners(t, "big", 0)
	}
}
