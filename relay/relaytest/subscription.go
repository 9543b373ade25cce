package relaytest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"alertrelay/relay/client"
)

// Message is a message as a subscriber got it.
type Message struct {
	client.Message
	// At is when it came.
	At time.Time
}

// Subscription is a subscriber, and what it has seen. It goes on by itself when
// its relay is restarted.
type Subscription struct {
	t    testing.TB
	name string

	mu       sync.Mutex // guards what follows
	messages []Message
	notices  []client.Notice
}

// Subscribe follows channels and returns when the subscription stands: it sees
// all that is published from then on. A suffix as in "ops.b3" begins with the last
// three messages of that channel. It ends with the test, or with the relay's
// refusal, which fails the test.
func (r *Relay) Subscribe(transport client.Transport, channels ...string) *Subscription {
	r.t.Helper()
	s := &Subscription{t: r.t, name: fmt.Sprintf("%s subscriber of %s", transport, channels)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	done := make(chan struct{})
	r.t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		err := r.Client.Subscribe(ctx, client.SubscribeOptions{
			Channels: channels, Transport: transport, PollInterval: 50 * time.Millisecond, Notify: s.notify,
		}, s.message)
		if err != nil {
			s.t.Errorf("%s: %v", s.name, err)
		}
	}()
	s.wait("is connected", func() bool { return s.count(client.Connected) > 0 })
	return s
}

// SubscribeAll subscribes once on each transport.
func (r *Relay) SubscribeAll(channels ...string) []*Subscription {
	r.t.Helper()
	var all []*Subscription
	for _, transport := range client.Transports() {
		all = append(all, r.Subscribe(transport, channels...))
	}
	return all
}

func (s *Subscription) message(m client.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, Message{m, time.Now()})
	return nil
}

func (s *Subscription) notify(n client.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notices = append(s.notices, n)
}

func (s *Subscription) count(kind client.NoticeKind) (n int) {
	for _, notice := range s.Notices() {
		if notice.Kind == kind {
			n++
		}
	}
	return n
}

func (s *Subscription) wait(what string, condition func() bool) {
	s.t.Helper()
	if !Within(s.t, Patience, condition) {
		s.t.Fatalf("%s: never %s; it has %q, and notices %+v", s.name, what, s.Texts(), s.Notices())
	}
}

// Name says which subscriber it is.
func (s *Subscription) Name() string { return s.name }

// Messages are those that have come, in the order in which they came.
func (s *Subscription) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Texts are those of Messages.
func (s *Subscription) Texts() []string {
	var texts []string
	for _, m := range s.Messages() {
		texts = append(texts, m.Text)
	}
	return texts
}

// Notices are what was no message: connections that ended, gaps.
func (s *Subscription) Notices() []client.Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notices)
}

// Await waits until n messages have come, and returns all that have.
func (s *Subscription) Await(n int) []Message {
	s.t.Helper()
	s.wait(fmt.Sprintf("gets %d messages", n), func() bool { return len(s.Messages()) >= n })
	return s.Messages()
}

// Until waits for a text that is published last, and returns all texts that have
// come: so it also shows what has come twice.
func (s *Subscription) Until(last string) []string {
	s.t.Helper()
	s.wait(fmt.Sprintf("gets %q", last), func() bool { return slices.Contains(s.Texts(), last) })
	return s.Texts()
}

// Gone waits until the connection has ended n times.
func (s *Subscription) Gone(n int) {
	s.t.Helper()
	s.wait("loses its connection", func() bool { return s.count(client.Disconnected) >= n })
}
