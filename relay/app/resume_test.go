package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay/relaytest"
)

// Promise 2: a subscriber that is cut off at any moment and resumes with the
// time and tag of the last message it saw has every message once, in order.
func TestCutOffAndResumed(t *testing.T) {
	const subscribers, messages = 200, 10_000
	dir := t.TempDir()
	relay := relaytest.Build(t, "alertrelay")
	config := filepath.Join(dir, "alertrelay.yaml")
	keepAll := "groups: [{match: '>', max_messages: 100000, max_age: 1h}]\n"
	if err := os.WriteFile(config, []byte(keepAll), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, natsAddr := relaytest.FreeAddress(t), relaytest.FreeAddress(t)
	cmd := relaytest.StartProcess(t, relay, "http://"+addr, []string{"serve", "--config", config, "--data", filepath.Join(dir, "data"), "--listen", addr, "--nats-listen", natsAddr, "--log-level", "error"})
	defer stopRelay(t, cmd)

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	var cuts atomic.Int64
	for name, way := range map[string]transport{
		"sse": {openSSE, jsonRecord, 0}, "websocket": {openWebSocket, jsonRecord, 0}, "stream": {openStream, pageRecord, 0},
		"long-poll": {openLongPoll, jsonRecord, 100 * time.Millisecond},
	} {
		for i := range subscribers {
			wg.Go(func() {
				f := follower{addr: addr, transport: way, cuts: &cuts}
				if err := f.follow(ctx, messages); err != nil {
					t.Errorf("%s subscriber %d: %v", name, i, err)
				}
			})
		}
	}
	wg.Go(func() {
		if err := publishPaced(ctx, natsAddr, "alerts.cut", messages, 1000); err != nil {
			t.Error(err)
			cancel()
		}
	})
	wg.Wait()
	t.Logf("%d subscribers were cut off %d times", 4*subscribers, cuts.Load())
}

// publishPaced publishes the numbers from 0 on one connection, so in order, at a
// rate per second, and waits for every acknowledgement. Publishing must not wait
// for the subscribers: they fall behind as they like.
func publishPaced(ctx context.Context, addr, subject string, messages, rate int) error {
	nc, err := nats.Connect("nats://" + addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	var acks []jetstream.PubAckFuture
	const burst = 20
	pace := time.NewTicker(time.Second * burst / time.Duration(rate))
	defer pace.Stop()
	for n := range messages {
		if n%burst == 0 {
			select {
			case <-pace.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		ack, err := js.PublishAsync(subject, []byte(strconv.Itoa(n)))
		if err != nil {
			return fmt.Errorf("publish %d: %w", n, err)
		}
		acks = append(acks, ack)
	}
	for n, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return fmt.Errorf("publish %d: %w", n, err)
		case <-ctx.Done():
			return fmt.Errorf("publish %d: %w", n, ctx.Err())
		}
	}
	return nil
}

// follower reads a channel to the end over connections that do not last.
type follower struct {
	transport
	addr string
	cuts *atomic.Int64

	next      int // the message that must come next
	time, tag string
}

// transport is a way to follow a channel.
type transport struct {
	open   opener
	record record
	pause  time.Duration // after an answer that has ended, as our pages have it
}

// opener connects and returns what the server sends, in which records stand.
type opener func(ctx context.Context, addr, query string) (io.ReadCloser, error)

// record is how a message looks in a built-in format: what stands before, between
// and after its three fields. Chunk and frame headers stand between messages,
// never inside. There are millions of them to read, so this is no regexp.
type record struct {
	before, between, after []byte
	second                 []byte // between the second and the third field
	timeFirst              bool   // text, time, tag; else text, tag, time
}

var (
	jsonRecord = record{before: []byte(`"text":"`), between: []byte(`","tag":"`), second: []byte(`","time":"`), after: []byte(`"`)}
	pageRecord = record{before: []byte(`,'cut','`), between: []byte(`','','`), second: []byte(`','`), after: []byte(`'`), timeFirst: true}
)

// find returns the fields of the first record and where it ends; 0 if there is no
// whole one, and then from where on it is to be looked for again.
func (r *record) find(data []byte) (text, tag, at []byte, end, from int) {
	start := bytes.Index(data, r.before)
	if start < 0 {
		return nil, nil, nil, 0, max(0, len(data)-len(r.before)+1)
	}
	var fields [3][]byte
	rest := data[start+len(r.before):]
	for i, sep := range [][]byte{r.between, r.second, r.after} {
		n := bytes.Index(rest, sep)
		if n < 0 {
			return nil, nil, nil, 0, start
		}
		fields[i], rest = rest[:n], rest[n+len(sep):]
	}
	if r.timeFirst {
		fields[1], fields[2] = fields[2], fields[1]
	}
	return fields[0], fields[1], fields[2], len(data) - len(rest), 0
}

func (f *follower) follow(ctx context.Context, messages int) error {
	f.time, f.tag = "Thu, 01 Jan 1970 00:00:00 GMT", "0"
	for f.next < messages {
		body, err := f.open(ctx, f.addr, "?time="+url.QueryEscape(f.time)+"&tag="+f.tag)
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%w at message %d", ctx.Err(), f.next)
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		cut := time.AfterFunc(time.Duration(50+mrand.IntN(3000))*time.Millisecond, func() { body.Close() })
		err = f.read(body, messages)
		if cut.Stop() {
			body.Close()
		} else {
			f.cuts.Add(1)
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w at message %d", ctx.Err(), f.next)
		}
		time.Sleep(f.pause)
	}
	return nil
}

// read takes records until the connection ends. Its error is a wrong record.
func (f *follower) read(body io.Reader, messages int) error {
	buf := make([]byte, 16<<10)
	kept := 0
	for f.next < messages {
		n, err := body.Read(buf[kept:])
		data := buf[:kept+n]
		var tag, at []byte
		for {
			text, t, a, end, from := f.record.find(data)
			if end == 0 {
				data = data[from:]
				break
			}
			if got, err := strconv.Atoi(string(text)); err != nil || got != f.next {
				return fmt.Errorf("got message %.100q, want %d", text, f.next)
			}
			f.next++
			tag, at, data = t, a, data[end:]
		}
		if tag != nil { // they are in buf, which changes now
			f.tag, f.time = string(tag), string(at)
		}
		kept = copy(buf, data)
		if kept == len(buf) {
			return fmt.Errorf("no record in %.300q", buf)
		}
		if err != nil {
			return nil //nolint:nilerr // the end of a connection is what the test is about
		}
	}
	return nil
}

// rawConn is a connection on which a request has been sent.
type rawConn struct {
	*bufio.Reader
	net.Conn
}

// Read reads what has been read ahead first.
func (c rawConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// sendRaw sends a request and leaves the whole answer to be read.
func sendRaw(ctx context.Context, addr, path, headers string) (rawConn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return rawConn{}, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n", path, headers); err != nil {
		conn.Close()
		return rawConn{}, err
	}
	return rawConn{bufio.NewReader(conn), conn}, nil
}

// openRaw sends a request and expects an answer that is no refusal.
func openRaw(ctx context.Context, addr, path, headers string) (rawConn, error) {
	conn, err := sendRaw(ctx, addr, path, headers)
	if err != nil {
		return rawConn{}, err
	}
	status, err := conn.ReadString('\n')
	if err == nil && !strings.Contains(status, " 200 ") && !strings.Contains(status, " 101 ") {
		err = fmt.Errorf("status %q", status)
	}
	if err != nil {
		conn.Close()
		return rawConn{}, err
	}
	return conn, nil
}

func openSSE(ctx context.Context, addr, query string) (io.ReadCloser, error) {
	return openRaw(ctx, addr, "/ev/cut"+query, "")
}

func openStream(ctx context.Context, addr, query string) (io.ReadCloser, error) {
	return openRaw(ctx, addr, "/sub/cut"+query, "")
}

func openWebSocket(ctx context.Context, addr, query string) (io.ReadCloser, error) {
	return openRaw(ctx, addr, "/ws/cut"+query, handshake())
}

// handshake are the headers of a WebSocket's first request.
func handshake() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key)
	return "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
		base64.StdEncoding.EncodeToString(key) + "\r\n"
}

func openLongPoll(ctx context.Context, addr, query string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/lp/cut"+query, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	resp, err := longPollClient.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	return cancelBody{resp.Body, cancel}, nil
}

var longPollClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}

// cancelBody is a response whose request is cut off by Close.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b cancelBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}
