package store

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"alertrelay/relay"
)

// counting is a Sink that counts what each channel has had, as the hub does.
type counting struct {
	*recorder
	counts map[string]relay.ChannelState
}

func newCounting() *counting {
	return &counting{newRecorder(), make(map[string]relay.ChannelState)}
}

func (c *counting) Restore(s relay.ChannelState) {
	c.recorder.Restore(s)
	c.set(s)
}

func (c *counting) Load(m relay.Message) { c.count(m); c.recorder.Load(m) }

func (c *counting) Append(m relay.Message) { c.count(m); c.recorder.Append(m) }

func (c *counting) Delete(d relay.Deletion) {
	c.mu.Lock()
	delete(c.counts, d.Channel)
	c.mu.Unlock()
	c.recorder.Delete(d)
}

func (c *counting) count(m relay.Message) {
	s := c.counts[m.Channel]
	if m.Seq > s.LastSeq {
		c.set(relay.ChannelState{Channel: m.Channel, Published: s.Published + 1, LastSeq: m.Seq})
	}
}

func (c *counting) set(s relay.ChannelState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[s.Channel] = s
}

func (c *counting) Counts() []relay.ChannelState {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []relay.ChannelState
	for _, s := range c.counts {
		all = append(all, s)
	}
	return all
}

func sorted(states []relay.ChannelState) []relay.ChannelState {
	slices.SortFunc(states, func(a, b relay.ChannelState) int { return cmp.Compare(a.Channel, b.Channel) })
	return states
}

// TestCountsSurviveARestart: also of messages that are not retained any more,
// and of channels with odd names.
func TestCountsSurviveARestart(t *testing.T) {
	rig := newRig(t)
	o := Options{MaxMsgsPerChannel: 2, Slack: 1}
	s := rig.open(o)
	sink := newCounting()
	stop := run(t, s, sink)
	sink.waitReady(t)
	channels := []string{"ops", "a b", "nbsp\u00a0em\u2003nel\u0085", "100%", "\xff", "line\nline", "..", "deleted"}
	var last uint64
	for i := range 50 {
		for j, channel := range channels {
			if i <= j*5 {
				last = publish(t, s, text(channel, "x")).Seq
				sink.waitSeq(t, last)
			}
		}
	}
	r, err := s.DeleteChannel(t.Context(), "deleted", nil)
	if err != nil {
		t.Fatal(err)
	}
	sink.waitSeq(t, r.Seq)
	want := sorted(sink.Counts())
	if len(want) != len(channels)-1 {
		t.Fatalf("got %v", want)
	}
	stop()
	// While no relay runs, more is published.
	publish(t, s, text("ops", "x"))
	rig.stop()
	rig.start()

	sink = newCounting()
	stop = run(t, rig.open(o), sink)
	sink.waitReady(t)
	if got := sorted(sink.states); !slices.Equal(got, want) {
		t.Errorf("restored: got %v, want %v", got, want)
	}
	got := sorted(sink.Counts())
	for i := range want {
		if want[i].Channel == "ops" {
			want[i].Published++
			want[i].LastSeq = got[i].LastSeq
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("after loading: got %v, want %v", got, want)
	}
	stop()

	// They are not taken for those of another stream of the same name.
	js := rig.client()
	if err := js.DeleteStream(t.Context(), "ALERTS"); err != nil {
		t.Fatal(err)
	}
	sink = newCounting()
	run(t, rig.open(o), sink)
	sink.waitReady(t)
	if len(sink.states) != 0 {
		t.Errorf("got %v of a new stream", sink.states)
	}
}

// TestWarmStart: of a stream that is too large, the end is loaded, and what is
// before it is counted.
func TestWarmStart(t *testing.T) {
	const n, channels = 6000, 10
	rig := newRig(t)
	s := rig.open(Options{
		MaxMsgsPerChannel: n, WarmBytes: 64 << 10,
		Limits: func(channel string) relay.Limits {
			if channel == "c3" {
				return relay.Limits{MaxMessages: 100}
			}
			return relay.Limits{}
		},
	})
	fill(t, rig.client(), 0, n, func(i int) string { return fmt.Sprint("alerts.c", i%channels) })
	st, err := s.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	loads := of(sink.waitSeq(t, n), "load")
	perMessage := int(st.bytes) / n
	if got := len(loads) * perMessage; got < 32<<10 || got > 128<<10 {
		t.Errorf("got %d messages of about %d bytes, want 64 KiB of them", len(loads), perMessage)
	}
	for i, c := range loads {
		if c.seq != uint64(n-len(loads)+i+1) {
			t.Fatalf("got %v at place %d of %d", c, i, len(loads))
		}
	}
	for _, got := range sink.states {
		want := uint64(n / channels)
		if got.Channel == "c3" {
			want = 100
		}
		if got.Stored != want {
			t.Errorf("got %+v, want %d stored", got, want)
		}
	}
	if len(sink.states) != channels {
		t.Errorf("got %d channels, want %d", len(sink.states), channels)
	}
}

func TestDamagedCounts(t *testing.T) {
	st := state{last: 50}
	head := shardHead(st.created).String()
	for name, tt := range map[string]struct {
		value   string
		want    []relay.ChannelState
		wantErr bool
	}{
		"good":             {head + "a 3 7\nb%20c 1 9\n", []relay.ChannelState{{Channel: "a", Published: 3, LastSeq: 7}, {Channel: "b c", Published: 1, LastSeq: 9}}, false},
		"nothing":          {head, nil, false},
		"beyond the end":   {head + "a 3 70\n", []relay.ChannelState{{Channel: "a", Published: 3, LastSeq: 50}}, false},
		"a bad line":       {head + "a 3\n\nx y z\n%zz 1 1\nb 1 -1\nc 2 8\n", []relay.ChannelState{{Channel: "c", Published: 2, LastSeq: 8}}, true},
		"empty":            {"", nil, true},
		"of another time":  {countsVersion + "yesterday\na 1 1\n", nil, true},
		"another stream's": {countsVersion + "2001-01-01T00:00:00Z\na 1 1\n", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			known := make(map[string]relay.ChannelState)
			err := decodeShard([]byte(tt.value), st, known)
			var got []relay.ChannelState
			for _, c := range known {
				got = append(got, c)
			}
			if !slices.Equal(sorted(got), tt.want) || (err != nil) != tt.wantErr {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}
