package store

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

func TestStreamSettings(t *testing.T) {
	rig := newRig(t)
	rig.open(Options{MaxMsgsPerChannel: 20, Slack: 5, MaxAge: time.Minute, MaxBytes: 1 << 20})
	js := rig.client()
	config := func() jetstream.StreamConfig {
		stream, err := js.Stream(t.Context(), "ALERTS")
		if err != nil {
			t.Fatal(err)
		}
		return stream.CachedInfo().Config
	}
	cfg := config()
	if cfg.MaxMsgsPerSubject != 25 || cfg.MaxAge != time.Minute || cfg.MaxBytes != 1<<20 || cfg.Duplicates != time.Minute ||
		!cfg.AllowDirect || !cfg.AllowMsgTTL || cfg.AllowRollup || cfg.SubjectDeleteMarkerTTL != 0 || cfg.AllowMsgSchedules ||
		cfg.Discard != jetstream.DiscardOld || cfg.Storage != jetstream.FileStorage || cfg.Replicas != 1 {
		t.Errorf("got %+v", cfg)
	}
	// Its owner's part is left alone, ours is brought up to date.
	cfg.Description, cfg.MaxMsgs, cfg.AllowDirect = "mine", 7, false
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	rig.open(Options{MaxAge: time.Hour})
	if cfg = config(); cfg.Description != "mine" || cfg.MaxMsgs != -1 || !cfg.AllowDirect || cfg.MaxAge != time.Hour || cfg.Duplicates != duplicates {
		t.Errorf("got %+v", cfg)
	}
	rig.open(Options{Stream: "OTHER", Prefix: "other"})
}

func TestStreamThatCannotBeUsed(t *testing.T) {
	rig := newRig(t)
	js := rig.client()
	ours := []string{"alerts.>", "alertsctl.>"}
	for want, cfg := range map[string]jetstream.StreamConfig{
		"takes the subjects": {Subjects: []string{"alerts.>"}},
		"rollups":            {Subjects: ours, AllowRollup: true},
		"delete markers":     {Subjects: ours, AllowMsgTTL: true, SubjectDeleteMarkerTTL: time.Minute, AllowRollup: false},
		"scheduled messages": {Subjects: ours, AllowMsgSchedules: true},
		"counter":            {Subjects: ours, AllowMsgCounter: true},
		"not kept in files":  {Subjects: ours, Storage: jetstream.MemoryStorage},
		"retention policy":   {Subjects: ours, Retention: jetstream.InterestPolicy},
		"acknowledge":        {Subjects: ours, NoAck: true},
		"denies purging":     {Subjects: ours, DenyPurge: true},
		"renames subjects":   {Subjects: ours, SubjectTransform: &jetstream.SubjectTransformConfig{Source: "alerts.>", Destination: "alerts.x.>"}},
		"persist_mode":       {Subjects: ours, PersistMode: jetstream.AsyncPersistMode},
		"other streams":      {Sources: []*jetstream.StreamSource{{Name: "S"}}, Subjects: ours},
	} {
		t.Run(want, func(t *testing.T) {
			cfg.Name = "ALERTS"
			eventually(t, "the stream is made", func() bool { // the files of the last one may be there still
				_, err := js.CreateStream(t.Context(), cfg)
				return err == nil
			})
			defer func() {
				if err := js.DeleteStream(t.Context(), "ALERTS"); err != nil {
					t.Error(err)
				}
			}()
			_, err := Open(t.Context(), rig.connect(), Options{})
			if err == nil {
				t.Fatal("got no error")
			}
			// Rollups are switched on with some, and named first.
			for _, part := range []string{"ALERTS", "edit or remove the stream"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want it to say %q", err, part)
				}
			}
			if !strings.Contains(err.Error(), want) && (!strings.Contains(err.Error(), "rollups") || !cfg.AllowMsgSchedules && cfg.SubjectDeleteMarkerTTL <= 0) {
				t.Errorf("got %v, want it to say %q", err, want)
			}
		})
	}
	t.Run("another stream has the subjects", func(t *testing.T) {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "THEIRS", Subjects: []string{"alerts.x"}}); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), rig.connect(), Options{})
		if err == nil || !strings.Contains(err.Error(), "THEIRS") {
			t.Errorf("got %v, want it to name the other stream", err)
		}
	})
}

func TestOptions(t *testing.T) {
	rig := newRig(t)
	nc := rig.connect()
	for want, o := range map[string]Options{
		"negative":   {MaxAge: -1},
		"Slack":      {Slack: -1},
		"Prefix":     {Prefix: "a b"},
		"Prefix \"$": {Prefix: "$JS"},
		"Stream":     {Stream: "a.b"},
	} {
		if _, err := Open(t.Context(), nc, o); err == nil || !strings.Contains(err.Error(), want) && want != "Slack" {
			t.Errorf("%+v: got %v, want it to say %q", o, err, want)
		}
	}
}

// Until it is open a Store refuses everything as if NATS were away, because it may
// be the wrong stream; and what is wrong can be mended while it waits.
func TestNothingBeforeOpen(t *testing.T) {
	t.Parallel()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		Username: "ada", Password: "right",
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	defer func() { ns.Shutdown(); ns.WaitForShutdown() }()
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	var password atomic.Value
	password.Store("wrong")
	address := ns.Addr().String()
	nc, err := Connect("nats://"+address, nil, nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.UserInfoHandler(func() (user, pass string) { return "ada", password.Load().(string) }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s, err := New(nc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	refused := func() {
		t.Helper()
		_, err := s.Publish(t.Context(), text("a", "x"))
		wantError(t, err, relay.ErrUnavailable)
		_, err = s.DeleteChannel(t.Context(), "a", nil)
		wantError(t, err, relay.ErrUnavailable)
		_, _, err = s.Last(t.Context(), "a")
		wantError(t, err, relay.ErrUnavailable)
		wantError(t, s.Healthy(t.Context()), relay.ErrUnavailable)
	}
	waits := func(want string) {
		t.Helper()
		want = "NATS at nats://" + address + " " + want
		for end := time.Now().Add(patience); s.Waiting() != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("got %q, want %q", s.Waiting(), want)
			}
		}
	}
	refused()
	opened := make(chan error, 1)
	go func() { opened <- s.Open(t.Context()) }()
	waits("refuses the credentials")
	refused()
	password.Store("right")
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	if s.Waiting() != "" {
		t.Errorf("got %q", s.Waiting())
	}
	publish(t, s, text("a", "x"))
	if err := s.Open(t.Context()); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

// Connected, and not opened yet.
func TestConnectedBeforeOpen(t *testing.T) {
	rig := newRig(t)
	rig.open(Options{}) // the stream is there
	s, err := New(rig.connect(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Publish(t.Context(), text("a", "x"))
	wantError(t, err, relay.ErrUnavailable)
	if want := "NATS at nats://" + rig.listen + " is there, and its JetStream is not ready yet"; s.Waiting() != want {
		t.Errorf("got %q, want %q", s.Waiting(), want)
	}
}
