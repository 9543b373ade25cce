package store

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
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
