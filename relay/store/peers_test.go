package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// numbers is what a relay has, as its hub would tell.
type numbers struct {
	mu       sync.Mutex
	channels map[string]int
	asked    atomic.Int64
}

func (n *numbers) set(channel string, subscribers int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.channels[channel] = subscribers
}

func (n *numbers) Ends() uint64 { return 0 }

func (n *numbers) Subscribers() int {
	n.asked.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := 0
	for _, k := range n.channels {
		sum += k
	}
	return sum
}

func (n *numbers) Channel(id string) (relay.ChannelStats, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k, ok := n.channels[id]
	return relay.ChannelStats{Channel: id, Subscribers: k}, ok
}

func (n *numbers) Watched(match func(string) bool) map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := make(map[string]int)
	for id, k := range n.channels {
		if k > 0 && (match == nil || match(id)) {
			found[id] = k
		}
	}
	return found
}

// member is one of several relays on a rig, with a connection of its own.
type member struct {
	*Peers
	has  *numbers
	nc   *nats.Conn
	stop func()
}

func (r *rig) member(o Options) *member {
	r.t.Helper()
	s := r.open(o)
	m := &member{nc: s.nc, has: &numbers{channels: make(map[string]int)}}
	m.Peers = s.NewPeers(m.has)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(m.stop)
	return m
}

func (m *member) sees(t testing.TB, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("there are %d peers", n), func() bool { return m.Seen() == n && m.Alone() == (n == 0) })
}

// watched is how many subscribers a channel has at the relays that answer.
func (m *member) watched(channel string) (sum int) {
	for _, p := range m.Stats(context.Background(), channel) {
		sum += p.Channels[channel]
	}
	return sum
}

func TestPeersTellTheirSubscribers(t *testing.T) {
	rig := newRig(t)
	a, b, c := rig.member(Options{}), rig.member(Options{}), rig.member(Options{})
	for _, m := range []*member{a, b, c} {
		m.sees(t, 2)
	}
	odd := "\xff *> %é"
	b.has.set("x", 2)
	b.has.set(odd, 1)
	c.has.set("x", 3)
	c.has.set("db.1", 4)
	c.has.set("none", 0)

	got := a.Stats(t.Context(), "x", odd, "none", "missing")
	if len(got) != 2 || got[0].PID == 0 || got[0].Uptime <= 0 {
		t.Fatalf("got %+v, want two relays", got)
	}
	sum, err := a.Watched(t.Context(), "x", odd, "none", "missing")
	if err != nil || len(sum) != 2 || sum["x"] != 5 || sum[odd] != 1 {
		t.Errorf("got %v, %v", sum, err)
	}
	subscribers := 0
	for _, p := range a.Stats(t.Context()) {
		subscribers += p.Subscribers
		if len(p.Channels) > 0 {
			t.Errorf("got channels that were not asked for: %v", p.Channels)
		}
	}
	if subscribers != 10 {
		t.Errorf("got %d subscribers in all, want 10", subscribers)
	}
	channels := make(map[string]int)
	for _, p := range b.StatsUnder(t.Context(), "db.") {
		for id, n := range p.Channels {
			channels[id] += n
		}
	}
	if len(channels) != 1 || channels["db.1"] != 4 {
		t.Errorf("got %v under a prefix", channels)
	}
	if n := len(a.StatsUnder(t.Context(), "")); n != 2 {
		t.Errorf("got %d relays, want 2", n)
	}

	b.stop() // in order: it says so
	a.sees(t, 1)
	c.stop()
	a.sees(t, 0)
	if got := a.Stats(t.Context(), "x"); got != nil {
		t.Errorf("got %v of nobody", got)
	}
}

func TestPeersAreAskedOnceASecond(t *testing.T) {
	rig := newRig(t)
	a, b := rig.member(Options{}), rig.member(Options{})
	a.sees(t, 1)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() { a.Stats(t.Context(), "x") })
	}
	wg.Wait()
	if n := b.has.asked.Load(); n > 3 { // a second may pass
		t.Errorf("got %d questions", n)
	}
	b.has.set("x", 1)
	eventually(t, "the answer is renewed", func() bool { return a.watched("x") == 1 })
}

// A peer that greets and does not answer costs 300 ms now and then, and is left
// out; a second one that answers is not.
func TestSlowPeer(t *testing.T) {
	rig := newRig(t)
	a := rig.member(Options{})
	nc := rig.connect()
	greet := func() {
		data, err := json.Marshal(hello{Relay: "slow", Stream: a.store.created.Load()})
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish(a.subject("hello"), data); err != nil {
			t.Fatal(err)
		}
	}
	greet()
	a.sees(t, 1)
	took := func(channel string) (time.Duration, int) {
		begin := time.Now()
		got := a.Stats(t.Context(), channel)
		return time.Since(begin), len(got)
	}
	if d, n := took("x"); d < askTimeout-50*time.Millisecond || d > 5*askTimeout || n != 0 {
		t.Errorf("waited %v and got %d answers", d, n)
	}
	if d, n := took("y"); d > askTimeout/2 || n != 0 {
		t.Errorf("waited %v again, and got %d answers", d, n)
	}
	b := rig.member(Options{})
	a.sees(t, 2)
	eventually(t, "the slow one is waited for again", func() bool {
		greet()
		a.mu.Lock()
		defer a.mu.Unlock()
		return time.Now().After(a.seen["slow"].late)
	})
	b.has.set("z", 1)
	if d, n := took("z"); d > 2*askTimeout || n != 1 {
		t.Errorf("waited %v and got %d answers, want the one after %v", d, n, askRest)
	}
}

// A relay that was killed takes no leave.
func TestKilledPeer(t *testing.T) {
	rig := newRig(t)
	a, b := rig.member(Options{}), rig.member(Options{})
	b.has.set("x", 1)
	a.sees(t, 1)
	if n := a.watched("x"); n != 1 {
		t.Fatalf("got %d subscribers", n)
	}
	begin := time.Now()
	b.nc.Close()
	_, err := a.Watched(t.Context(), "not asked for yet")
	wantError(t, err, relay.ErrUnavailable)
	eventually(t, "its subscribers do not count", func() bool { return a.watched("x") == 0 })
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("they counted for %v", d)
	}
	a.sees(t, 0)
}

// Relays of another stream of that name are no peers.
func TestPeersOfAnotherStream(t *testing.T) {
	rig := newRig(t)
	a, b := rig.member(Options{}), rig.member(Options{})
	other := rig.member(Options{Stream: "OTHER", Prefix: "other"})
	a.sees(t, 1)
	data, err := json.Marshal(hello{Relay: "stranger", Stream: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, junk := range [][]byte{data, []byte("{"), nil, []byte(`{"relay":""}`)} {
		for _, name := range []string{"hello", "stats"} {
			if err := b.nc.PublishRequest(b.subject(name), "nobody", junk); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	a.Stats(t.Context())
	if a.Seen() != 1 || other.Seen() != 0 {
		t.Errorf("got %d and %d peers, want 1 and none", a.Seen(), other.Seen())
	}
}

// A hundred thousand channels come in messages that a server takes.
func TestPeerWithManyChannels(t *testing.T) {
	rig := newRig(t)
	a, b := rig.member(Options{}), rig.member(Options{})
	n := 100_000
	if raced { // which makes so many too slow for the deadline
		n = 10_000
	}
	for i := range n {
		b.has.channels[fmt.Sprintf("channel.%06d", i)] = 1
	}
	a.sees(t, 1)
	sub, err := a.nc.SubscribeSync(strings.TrimSuffix(a.inbox, ".") + ".*")
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		t.Fatal(err)
	}
	// A busy machine may need more than one try to answer within the deadline,
	// which is not what this is about.
	eventually(t, "all channels of the peer", func() bool {
		got := a.StatsUnder(t.Context(), "")
		return len(got) == 1 && len(got[0].Channels) == n
	})
	largest := 0
	for {
		m, err := sub.NextMsg(50 * time.Millisecond)
		if err != nil {
			break
		}
		largest = max(largest, len(m.Data))
	}
	if largest == 0 || largest > 256<<10 {
		t.Errorf("the largest message has %d bytes", largest)
	}
	// Asking for many takes more than one question, too.
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("channel.%06d", i)
	}
	eventually(t, "all channels asked for", func() bool {
		got, err := a.Watched(t.Context(), ids...)
		return len(got) == n && err == nil
	})
}
