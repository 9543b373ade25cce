package am_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/am"
	"alertrelay/relay/relaytest"
)

func TestSilences(t *testing.T) {
	t.Parallel()
	s := startAlertmanager(t, plainConfig)
	c := newClient(t, am.Options{URLs: []string{"http://" + relaytest.FreeAddress(t), s.url}})
	silencer := am.Silencer{Client: c, Holder: newBoard(), Source: "am"}
	matchers, err := am.ParseMatchers(`alertname="Disk \"Full\""`, `severity!="none",team=~"db|web",instance!~".+:90"`)
	if err != nil {
		t.Fatal(err)
	}
	ends := time.Now().Add(time.Hour)
	id, err := silencer.Create(t.Context(), am.Silence{Matchers: matchers, EndsAt: ends, CreatedBy: "ada", Comment: "disk swap"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Silence(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != am.SilenceActive || !slices.Equal(got.Matchers, matchers) || got.CreatedBy != "ada" || got.Comment != "disk swap" || got.EndsAt.Sub(ends).Abs() > time.Second {
		t.Errorf("got %+v", got)
	}
	// The same one, longer.
	got.EndsAt = ends.Add(time.Hour)
	if again, err := silencer.Create(t.Context(), got); err != nil || again != id {
		t.Errorf("extended: got id %q, %v, want %q", again, err, id)
	}
	later, err := silencer.Create(t.Context(), am.Silence{Matchers: matchers, StartsAt: ends, EndsAt: ends.Add(time.Minute), CreatedBy: "ada", Comment: "later"})
	if err != nil {
		t.Fatal(err)
	}
	soon, err := silencer.Create(t.Context(), am.Silence{Matchers: matchers, EndsAt: time.Now().Add(time.Minute), CreatedBy: "ada", Comment: "soon"})
	if err != nil {
		t.Fatal(err)
	}
	list := func() string {
		all, err := silencer.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var s []string
		for _, one := range all {
			name := map[string]string{id: "id", later: "later", soon: "soon"}[one.ID]
			s = append(s, name+" "+one.State)
		}
		return strings.Join(s, ", ")
	}
	if got, want := list(), "soon active, id active, later pending"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for range 2 { // what has ended stays so
		if err := silencer.Expire(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := list(), "soon active, later pending, id expired"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, unknown := range []string{"00000000-0000-0000-0000-000000000000", "../status", ""} {
		if err := silencer.Expire(t.Context(), unknown); !errors.Is(err, am.ErrNotFound) {
			t.Errorf("expire %q: got %v", unknown, err)
		}
		if _, err := c.Silence(t.Context(), unknown); !errors.Is(err, am.ErrNotFound) {
			t.Errorf("silence %q: got %v", unknown, err)
		}
	}
	unknown := am.Silence{ID: "00000000-0000-0000-0000-000000000000", Matchers: matchers, EndsAt: ends, CreatedBy: "ada", Comment: "x"}
	if _, err := silencer.Create(t.Context(), unknown); !errors.Is(err, am.ErrNotFound) {
		t.Errorf("change of an unknown one: got %v", err)
	}
	// What the Alertmanager refuses comes with its reason.
	if _, err := c.CreateSilence(t.Context(), am.Silence{EndsAt: ends}); !isRefused(err) {
		t.Errorf("got %v, want a RefusedError", err)
	}
}

func isRefused(err error) bool {
	e := (*am.RefusedError)(nil)
	return errors.As(err, &e) && e.Reason != ""
}

func TestCheckSilence(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good := am.Silence{Matchers: []am.Matcher{{Name: "a", Value: "b", IsEqual: true}}, StartsAt: now, EndsAt: now.Add(time.Hour), CreatedBy: "ada", Comment: "x"}
	if err := good.Check(now); err != nil {
		t.Errorf("got %v for a good one", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*am.Silence)
		want   string
	}{
		{"no matcher", func(s *am.Silence) { s.Matchers = nil }, "matchers: are missing"},
		{"only ones that match everything", func(s *am.Silence) {
			s.Matchers = []am.Matcher{{Name: "a", Value: ".*", IsRegex: true, IsEqual: true}, {Name: "b", IsEqual: true}, {Name: "c", Value: "x"}}
		}, "matchers: each of them matches a label that is missing too"},
		{"no name", func(s *am.Silence) { s.Matchers[0].Name = "" }, "matchers[0].name"},
		{"no regular expression", func(s *am.Silence) { s.Matchers[0] = am.Matcher{Name: "a", Value: "(", IsRegex: true, IsEqual: true} }, "matchers[0].value: is no regular expression"},
		{"too many", func(s *am.Silence) { s.Matchers = slices.Repeat(s.Matchers, 65) }, "matchers: are 65"},
		{"no end", func(s *am.Silence) { s.EndsAt = time.Time{} }, "endsAt: is missing"},
		{"end before start", func(s *am.Silence) { s.EndsAt = now.Add(-time.Second) }, "endsAt: must be after startsAt"},
		{"past", func(s *am.Silence) { s.StartsAt, s.EndsAt = now.Add(-2*time.Hour), now.Add(-time.Hour) }, "endsAt: is past"},
		{"too long", func(s *am.Silence) { s.EndsAt = now.Add(367 * 24 * time.Hour) }, "endsAt: is more than 366 days"},
		{"nobody", func(s *am.Silence) { s.CreatedBy = " " }, "createdBy: is missing"},
		{"no comment", func(s *am.Silence) { s.Comment = "" }, "comment: is missing"},
	} {
		s := good
		s.Matchers = slices.Clone(good.Matchers)
		tt.change(&s)
		err := s.Check(now)
		if invalid := (*am.InvalidError)(nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	err := (&am.Silence{}).Check(now)
	if n := len(strings.Split(err.Error(), "\n")); n != 4 {
		t.Errorf("got %d mistakes at once, want 4: %v", n, err)
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	b := newBoard()
	b.hear(t, firing(map[string]string{"alertname": "A", "team": "db"}), firing(map[string]string{"alertname": "B", "team": "web"}),
		firing(map[string]string{"alertname": "C"}), firing(map[string]string{"alertname": "D", "team": "db"}))
	ended := firing(map[string]string{"alertname": "D", "team": "db"})
	ended.Status = alerts.Resolved
	b.hear(t, ended)
	s := am.Silencer{Holder: b, Source: "am"}
	for text, want := range map[string]string{
		`team="db"`: "A", `team=~"d.|web"`: "A B", `team=~"d"`: "", `team!="db"`: "B C", `team!~"db|web"`: "C", `team=""`: "C", `team=~"(db)?"`: "A C",
		`team="db",alertname="B"`: "", `"team"=db`: "A",
	} {
		m, err := am.ParseMatchers(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		list, err := s.Preview(m)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var names []string
		for _, h := range list {
			names = append(names, h.Labels["alertname"])
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if _, err := s.Preview(nil); err == nil {
		t.Error("no matchers: got no error")
	}
	if _, err := am.ParseMatchers("team"); err == nil {
		t.Error("no matcher: got no error")
	}
}

// The API's matchers, and the way there and back.
func TestMatchers(t *testing.T) {
	t.Parallel()
	var m am.Matcher
	if err := json.Unmarshal([]byte(`{"name":"a","value":"b","isRegex":true}`), &m); err != nil || !m.IsEqual {
		t.Errorf("got %+v, %v: a missing isEqual is true", m, err)
	}
	list := []am.Matcher{
		{Name: "a", Value: "x,y\"\n\\{}", IsEqual: true},
		{Name: "ü.b c", Value: "é.*|", IsRegex: true},
		{Name: "a", Value: "", IsEqual: false},
	}
	all, err := am.Matchers(list)
	if err != nil {
		t.Fatal(err)
	}
	back, err := am.FromMatchers(all)
	if err != nil || !slices.Equal(back, list) {
		t.Errorf("got %+v, %v, want %+v", back, err, list)
	}
}

// The silence of an acknowledged alert is found again by what stands in it.
func TestSilenceForAck(t *testing.T) {
	t.Parallel()
	s := startAlertmanager(t, plainConfig)
	c := newClient(t, am.Options{URLs: []string{s.url}})
	b := newBoard()
	b.hear(t, firing(map[string]string{"alertname": "DiskFull", "instance": "a{}|\"b\""}))
	b.hear(t, firing(map[string]string{"alertname": "Other"}))
	held, other := b.held("DiskFull"), b.held("Other")
	newSilencer := func() *am.Silencer { return &am.Silencer{Client: c, Holder: b, Source: "am"} }
	id, err := newSilencer().SilenceForAck(t.Context(), &held, "ada", "looking into it", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Silence(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if first.CreatedBy != "ada" || first.Comment != "looking into it [alertrelay ack "+held.ID+"]" || len(first.Matchers) != 2 {
		t.Errorf("got %+v", first)
	}
	if list, err := newSilencer().Preview(first.Matchers); err != nil || len(list) != 1 || list[0].ID != held.ID {
		t.Errorf("it matches %d alerts, %v", len(list), err)
	}
	again, err := newSilencer().SilenceForAck(t.Context(), &held, "", "", 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newSilencer().SilenceForAck(t.Context(), &other, "bob", "me", time.Hour); err != nil {
		t.Fatal(err)
	}
	active := func() (n int, last am.Silence) {
		all, err := newSilencer().List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			if one.State == am.SilenceActive {
				n, last = n+1, one
			}
		}
		return n, last
	}
	if n, last := active(); n != 2 || last.ID != again || last.CreatedBy != "alertrelay" || time.Until(last.EndsAt) < 90*time.Minute {
		t.Errorf("acknowledged again: got %d silences, the last %+v", n, last)
	}
	if err := newSilencer().ExpireAckSilence(t.Context(), held.ID); err != nil {
		t.Fatal(err)
	}
	n, last := active()
	if n != 1 || last.CreatedBy != "bob" {
		t.Errorf("after the end: got %d silences, the last %+v", n, last)
	}
	if err := newSilencer().ExpireAckSilence(t.Context(), held.ID); err != nil {
		t.Errorf("none: %v", err)
	}
	// One that somebody has made to match more is theirs.
	last.Matchers[0].IsRegex, last.Matchers[0].Value = true, "Oth.*"
	if _, err := newSilencer().Create(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if err := newSilencer().ExpireAckSilence(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	if n, _ := active(); n != 1 {
		t.Errorf("got %d silences, want somebody's to stay", n)
	}
}
