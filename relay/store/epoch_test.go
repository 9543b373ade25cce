package store

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

// backup copies the data directory of a server that is stopped, and returns a
// function that puts it back.
func (r *rig) backup() (restore func()) {
	r.t.Helper()
	copied := r.t.TempDir() + "/copy"
	if err := os.CopyFS(copied, os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		r.t.Helper()
		if err := os.RemoveAll(r.dir); err != nil {
			r.t.Fatal(err)
		}
		if err := os.CopyFS(r.dir, os.DirFS(copied)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// delivered are the texts that were delivered live.
func delivered(calls []call) map[string]int {
	got := make(map[string]int)
	for _, c := range of(calls, "append") {
		got[c.text]++
	}
	return got
}

// once checks that each of the texts was delivered live, once, and nothing else.
func once(t *testing.T, calls []call, want ...string) {
	t.Helper()
	got := delivered(calls)
	for _, w := range want {
		if got[w] != 1 {
			t.Errorf("%q was delivered %d times", w, got[w])
		}
		delete(got, w)
	}
	if len(got) > 0 {
		t.Errorf("delivered more than that: %v", got)
	}
}

func texts(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, i)
	}
	return all
}

func publishAll(t *testing.T, s *Store, bodies []string) {
	t.Helper()
	for _, body := range bodies {
		publish(t, s, text("ops", body))
	}
}

// waitResets waits until the sink was reset n times and has caught up again.
func (r *recorder) waitResets(t *testing.T, n int) {
	t.Helper()
	r.wait(t, fmt.Sprint("reset ", n), func(calls []call) bool { return len(of(calls, "reset")) == n })
	r.waitReady(t)
}

func TestStreamDeleted(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	before := texts("before ", 50)
	publishAll(t, s, before)
	sink.waitSeq(t, 50)
	js := rig.client()
	if err := js.DeleteStream(t.Context(), "ALERTS"); err != nil {
		t.Fatal(err)
	}
	sink.waitResets(t, 1)
	after := texts("after ", 20)
	publishAll(t, s, after)
	once(t, sink.waitSeq(t, 20), append(before, after...)...)
	if len(of(sink.calls, "load")) != 0 {
		t.Errorf("got %v", sink.calls)
	}
}

// TestStreamMadeAnew: somebody deletes the stream and makes another, with other
// settings, that soon is longer than the old one was.
func TestStreamMadeAnew(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := &slowSink{newRecorder(), make(chan struct{})}
	run(t, s, sink)
	sink.waitReady(t)
	before := texts("before ", 10)
	publishAll(t, s, before)
	for range 9 {
		sink.let <- struct{}{}
	}
	sink.waitSeq(t, 9)
	// The relay is busy with the tenth and does not see it.
	js := rig.client()
	if err := js.DeleteStream(t.Context(), "ALERTS"); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALERTS", Subjects: s.subjects()}); err != nil {
		t.Fatal(err)
	}
	after := texts("after ", 200)
	for _, body := range after {
		if _, err := js.Publish(t.Context(), "alerts.ops", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	close(sink.let)
	sink.waitResets(t, 1)
	once(t, sink.waitSeq(t, 200), append(before, after...)...)
	stream, err := js.Stream(t.Context(), "ALERTS")
	if err != nil {
		t.Fatal(err)
	}
	if cfg := stream.CachedInfo().Config; !cfg.AllowMsgTTL || !cfg.AllowDirect || cfg.MaxBytes != s.opts.MaxBytes {
		t.Errorf("the new stream does not have our settings: %+v", cfg)
	}
}

// TestStreamGoneBack: an older copy of the data is put in place while the server
// is down. Twice.
func TestStreamGoneBack(t *testing.T) {
	for name, grown := range map[string]int{"shorter": 5, "longer than it was": 120} {
		t.Run(name, func(t *testing.T) {
			rig := newRig(t)
			s := rig.open(Options{})
			sink := newRecorder()
			run(t, s, sink)
			sink.waitReady(t)
			kept, lost := texts("kept ", 50), texts("lost ", 50)
			publishAll(t, s, kept)
			rig.stop()
			restore := rig.backup()
			rig.start()
			eventually(t, "the connection is found", func() bool { return s.Healthy(t.Context()) == nil })
			publishAll(t, s, lost)
			sink.waitSeq(t, 100)

			want := append(kept, lost...)
			for round := 1; round <= 2; round++ {
				rig.stop()
				restore()
				rig.start()
				js := rig.client() // before our relay is back, most likely
				fresh := texts(fmt.Sprint("fresh ", round, " "), grown)
				for _, body := range fresh {
					if _, err := js.Publish(t.Context(), "alerts.ops", []byte(body)); err != nil {
						t.Fatal(err)
					}
				}
				want = append(want, fresh...)
				sink.waitResets(t, round)
				once(t, sink.waitSeq(t, uint64(50+grown)), want...)
			}
			// What comes after the reset begins with what is retained.
			var loads int
			for i := len(sink.calls) - 1; sink.calls[i].kind != "reset"; i-- {
				if sink.calls[i].kind == "load" {
					loads++
				}
			}
			if loads != 50 {
				t.Errorf("got %d messages loaded again, want 50", loads)
			}
		})
	}
}

// TestGoneBackWhileReadingAgain: the second time comes before the first has been
// read through. Nothing is delivered twice.
func TestGoneBackWhileReadingAgain(t *testing.T) {
	const half, kept, lost = pullMessages * 3 / 2, pullMessages * 3, 5
	rig := newRig(t)
	s := rig.open(Options{})
	sink := &slowLoads{recorder: newRecorder(), begun: make(chan struct{}), let: make(chan struct{})}
	run(t, s, sink)
	sink.waitReady(t)
	more := func(first, n int) {
		t.Helper()
		fill(t, rig.client(), first, n, func(int) string { return "alerts.ops" })
	}
	more(0, half)
	sink.waitSeq(t, half)
	rig.stop()
	restoreHalf := rig.backup()
	rig.start()
	more(half, kept-half)
	sink.waitSeq(t, kept)
	rig.stop()
	restore := rig.backup()
	rig.start()
	more(kept, lost)
	sink.waitSeq(t, kept+lost)

	rig.stop()
	restore()
	rig.start()
	<-sink.begun // it reads again, and stays at the first message
	rig.stop()
	restoreHalf()
	rig.start()
	more(kept+lost, 1)
	close(sink.let)
	sink.waitResets(t, 2)
	want := make([]string, kept+lost+1)
	for i := range want {
		want[i] = strconv.Itoa(i)
	}
	once(t, sink.waitSeq(t, half+1), want...)
}

// slowLoads is a Sink that waits in its first Load.
type slowLoads struct {
	*recorder
	begun, let chan struct{}
	once       sync.Once
}

func (s *slowLoads) Load(m relay.Message) {
	s.once.Do(func() {
		close(s.begun)
		<-s.let
	})
	s.recorder.Load(m)
}
