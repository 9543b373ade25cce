package client_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"alertrelay/relay/client"
)

const snapshotHeader = "X-Alertrelay-Snapshot"

// now is an answer that begins with a snapshot.
func now(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(snapshotHeader, "begin")
		send(contentType, body)(w, r)
	}
}

func end(tag int) string {
	return fmt.Sprintf(`{"id":-5,"channel":"","text":"{}","tag":"%d","time":"%s"}`, tag, at)
}

// snapshots are a subscription's notices of snapshots, without the others.
func snapshots(notices []client.Notice) (kinds []client.NoticeKind) {
	for _, n := range notices {
		if n.Kind == client.SnapshotBegin || n.Kind == client.SnapshotEnd {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

const nowTail = "?mode=now&time=Sun%%2C%%2022%%20Nov%%202026%%2007%%3A00%%3A00%%20GMT&tag=%d"

// A snapshot that breaks off is asked for again; after its end the place is what
// the end said, and then that of the last message.
func TestNow(t *testing.T) {
	const stream = "text/event-stream"
	page := func(id int, text string) string {
		return fmt.Sprintf("<script>p(%d,'ops','%s','','%s','%d');</script>", id, text, at, id)
	}
	endOfPage := strings.Replace(page(9, "{}"), "p(9", "p(-5", 1)
	answers := map[client.Transport][]http.HandlerFunc{
		client.SSE: {
			now(stream, "id:\ndata: "+message(5, "five")+"\n\n"),
			now(stream, "id:\ndata: "+message(5, "five")+"\n\nid: 1795330800:9\nevent: snapshot-end\ndata: {\"id\":-5,\"time\":\""+at+"\",\"tag\":\"9\",\"count\":1}\n\n"),
			send(stream, "id: 1795330800:10\ndata: "+message(10, "ten")+"\n\n"),
			send(stream, "id: 1795330800:11\ndata: "+message(11, "eleven")+"\n\n"),
		},
		client.Streaming: {
			now("text/html", page(5, "five")),
			now("text/html", page(5, "five")+endOfPage),
			send("text/html", page(10, "ten")),
			send("text/html", page(11, "eleven")),
		},
		client.WebSocket: {
			nowSocket(message(5, "five")),
			nowSocket(message(5, "five"), end(9)),
			socket(func(c *websocket.Conn) { frame(c, message(10, "ten")); hangUp(c, websocket.CloseServiceRestart, "") }),
			socket(func(c *websocket.Conn) { frame(c, message(11, "eleven")) }),
		},
	}
	locations := map[client.Transport]string{client.SSE: "/ev/", client.Streaming: "/sub/", client.WebSocket: "/ws/"}
	for transport, answers := range answers {
		var s scripted
		c := s.start(t, answers...)
		got, notices := collect(t, c, client.SubscribeOptions{Channels: []string{"ops"}, Now: true, Transport: transport}, 4)
		if want := []string{"five", "five", "ten", "eleven"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", transport, got, want)
		}
		if want := []client.NoticeKind{client.SnapshotBegin, client.SnapshotBegin, client.SnapshotEnd}; !slices.Equal(snapshots(notices), want) {
			t.Errorf("%s: got %v", transport, notices)
		}
		path := locations[transport] + "ops"
		want := []string{path + "?mode=now", path + "?mode=now", path + fmt.Sprintf(nowTail, 9), path + fmt.Sprintf(nowTail, 10)}
		if !slices.Equal(s.requests, want) {
			t.Errorf("%s: got %q, want %q", transport, s.requests, want)
		}
	}
}

// nowSocket begins with a snapshot and hangs up.
func nowSocket(frames ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, http.Header{snapshotHeader: {"begin"}})
		if err != nil {
			return
		}
		defer conn.Close()
		for _, f := range frames {
			frame(conn, f)
		}
		hangUp(conn, websocket.CloseServiceRestart, "")
		_, _, _ = conn.NextReader()
	}
}

func TestNowByPolls(t *testing.T) {
	answer := func(tag int, snapshot bool, messages ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Last-Modified", at)
			w.Header().Set("Etag", fmt.Sprintf("W/%d", tag))
			if snapshot {
				w.Header().Set(snapshotHeader, "end")
			}
			_, _ = io.WriteString(w, strings.Join(messages, ""))
		}
	}
	for transport, path := range map[client.Transport]string{client.LongPolling: "/lp/ops", client.Polling: "/poll/ops"} {
		var s scripted
		c := s.start(t, answer(9, true), answer(10, false, message(10, "ten")), answer(20, true, message(12, "twelve")), answer(21, false, message(21, "last")))
		got, notices := collect(t, c, client.SubscribeOptions{Channels: []string{"ops"}, Now: true, Transport: transport, PollInterval: time.Millisecond}, 3)
		if want := []string{"ten", "twelve", "last"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", transport, got, want)
		}
		if want := []client.NoticeKind{client.SnapshotBegin, client.SnapshotEnd, client.SnapshotBegin, client.SnapshotEnd}; !slices.Equal(snapshots(notices), want) {
			t.Errorf("%s: got %v", transport, notices)
		}
		want := []string{path + "?mode=now", path + fmt.Sprintf(nowTail, 9), path + fmt.Sprintf(nowTail, 10), path + fmt.Sprintf(nowTail, 20)}
		if !slices.Equal(s.requests, want) {
			t.Errorf("%s: got %q, want %q", transport, s.requests, want)
		}
	}
}
