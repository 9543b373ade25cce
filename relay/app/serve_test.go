package app_test

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"alertrelay/relay/relaytest"
)

// What is published in any way is seen in every way, once and in order, by those
// who stay, those who come back and those who come later.
func TestPublishedIsSeenEverywhere(t *testing.T) {
	r := relaytest.Start(t)
	r.Publish("ch1", "before all")
	stayed := r.SubscribeAll("ch1")
	overNATS := relaytest.SubscribeNATS(t, r.NATSURL)

	relaytest.Post(t, r.URL+"/pub?id=ch1", "发布消息测试", http.StatusOK)
	for _, s := range stayed {
		s.Until("发布消息测试")
	}
	if got := relaytest.NextNATS(t, overNATS); got != "alerts.ch1 发布消息测试" {
		t.Errorf("a NATS subscriber got %q", got)
	}
	seenByCurl(t, r)

	r.Restart()
	if status, body := r.Get("/lp/ch1.b1"); status != http.StatusOK || !strings.Contains(body, `"text":"发布消息测试"`) {
		t.Errorf("a long poll after the restart: got %d %s", status, body)
	}
	seenByCurl(t, r)

	publishNATS(t, r.NATSURL, "alerts.ch1", "from nats pub")
	r.Publish("ch1", "last")
	want := []string{"发布消息测试", "from nats pub", "last"}
	for _, s := range stayed {
		if got := s.Until("last"); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", s.Name(), got, want)
		}
	}
	samePlaces(t, stayed, len(want))
}

// samePlaces expects all subscribers to have the same n messages with the same
// places in the stream.
func samePlaces(t *testing.T, subs []*relaytest.Subscription, n int) {
	t.Helper()
	want := subs[0].Await(n)
	for _, s := range subs[1:] {
		for i, m := range s.Await(n) {
			if w := want[i]; m.ID != w.ID || m.Tag != w.Tag || !m.Time.Equal(w.Time) || m.Text != w.Text {
				t.Errorf("%s has %+v, and the %s %+v", s.Name(), m.Message, subs[0].Name(), w.Message)
			}
		}
	}
}

// seenByCurl reads the last message of ch1 as the README's commands do.
func seenByCurl(t *testing.T, r *relaytest.Relay) {
	t.Helper()
	const json = `"text":"发布消息测试"`
	addr := strings.TrimPrefix(r.URL, "http://")
	for path, want := range map[string]string{
		"/sub/ch1.b1": `'发布消息测试'`, "/ev/ch1.b1": json, "/lp/ch1.b1": json, "/poll/ch1.b1": json, "/ws/ch1.b1": json,
	} {
		headers := "Connection: close\r\n"
		if strings.HasPrefix(path, "/ws/") {
			headers = handshake()
		}
		conn, err := openRaw(t.Context(), addr, path, headers)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, found := readUntil(conn.Reader, want); !found {
			t.Errorf("%s: got %q, want it to have %q", path, got, want)
		}
		conn.Close()
	}
}

// readUntil reads until the text has come or the answer ends.
func readUntil(r *bufio.Reader, text string) (got string, found bool) {
	var b strings.Builder
	for !strings.HasSuffix(b.String(), text) {
		c, err := r.ReadByte()
		if err != nil {
			return b.String(), false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// publishNATS publishes as "nats pub" does, and waits for the stream to have it.
func publishNATS(t *testing.T, url, subject, text string) {
	t.Helper()
	nc := relaytest.Connect(t, url)
	defer nc.Close()
	if _, err := nc.Request(subject, []byte(text), relaytest.Patience); err != nil {
		t.Fatalf("publish to NATS: %v", err)
	}
}
