package web_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"alertrelay/relay/site"
	"alertrelay/relay/web"
)

// certificate writes a certificate for a name, which it adds to roots.
func certificate(t testing.TB, name string, roots *x509.CertPool) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// secured serves the built-in locations, and more, over TLS.
func secured(t testing.TB, change func(l *site.Location), more ...site.Location) *server {
	t.Helper()
	roots := x509.NewCertPool()
	cert, key := certificate(t, "relay.example", roots)
	otherCert, otherKey := certificate(t, "other.example", roots)
	locations := append(site.Builtin(), more...)
	for i := range locations {
		change(&locations[i])
	}
	listen := []site.Listen{{Address: anyPort, TLS: true}}
	scheme := site.NewLocation(site.ModeNone, site.MatchExact, "/scheme", true)
	scheme.Steps = []site.Step{{Return: &site.Return{Code: 200, Text: site.ValueOf("$scheme $https $server_name")}}}
	return newServer(t, nil, func(o *setup) {
		o.site.Servers = []site.Server{
			{Listen: listen, Names: []string{"relay.example"}, CertFile: cert, KeyFile: key, Connection: site.DefaultConnection(), Locations: append(locations, scheme)},
			{Listen: listen, Names: []string{"other.example"}, CertFile: otherCert, KeyFile: otherKey, Connection: site.DefaultConnection(), Locations: []site.Location{scheme}},
		}
		o.tlsName, o.roots = "relay.example", roots
	})
}

// Every way to subscribe, over TLS: history, live, many at once, and the end.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := secured(t, func(*site.Location) {})
	eachTransport(t, s, func(t *testing.T, tr transport) {
		channel := "tls." + tr.name
		s.say(channel, "1", "2")
		c := s.subscribe(t, tr, channel, "?time=Thu,%2001%20Jan%201970%2000:00:00%20GMT")
		c.wants("1", "2")
		s.say(channel, "3")
		c.wants("3")
		for _, text := range numbers(4, 60) {
			s.say(channel, text)
		}
		c.wants(numbers(4, 60)...)
		c.end()
	})
	t.Run("one connection for all that ends", func(t *testing.T) {
		c := s.dial(t)
		for range 2 {
			for _, request := range []string{"GET /pub?id=one", "GET /lp/one?time=Thu,%2001%20Jan%201970%2000:00:00%20GMT", "GET /poll/one.b1", "GET /channels-stats?id=one"} {
				s.say("one", "x")
				c.request(request, "")
				if r := c.response(); r.status != "200 OK" || r.all() == "" {
					t.Errorf("%s: got %s", request, r.status)
				}
			}
		}
		c.send(request("GET /scheme", ""))
		r := c.response()
		if got := r.all(); got != "https on relay.example" { // on a connection that has been a subscriber's
			t.Errorf("got %q", got)
		}
	})
	t.Run("large messages in order", func(t *testing.T) {
		c := s.subscribe(t, sse, "large", "")
		text := strings.Repeat("x", 300<<10)
		for i := range 5 {
			s.say("large", text+string(rune('a'+i)))
		}
		for i := range 5 {
			e := c.next()
			if len(e.Text) != len(text)+1 || e.Text[len(text)] != byte('a'+i) {
				t.Errorf("message %d has %d bytes", i, len(e.Text))
			}
		}
		c.end()
	})
	t.Run("a client that closes its side", func(t *testing.T) {
		c := s.open(t, "GET /ev/half")
		c.response()
		s.listeners(t, "half", 1)
		if err := c.Conn.(*tls.Conn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.listeners(t, "half", 0)
	})
	t.Run("plain HTTP", func(t *testing.T) {
		plain := &server{t: t, addr: s.addr}
		if r := plain.get(t, "GET /pub?id=one"); !strings.HasPrefix(r.status, "400") {
			t.Errorf("got %s", r.status)
		}
	})
	t.Run("the certificate of the server that is named", func(t *testing.T) {
		other := &server{t: t, addr: s.addr, tls: &tls.Config{RootCAs: s.opts.roots, ServerName: "other.example", NextProtos: []string{"h2", "http/1.1"}}}
		c := other.dial(t)
		c.send("GET /scheme HTTP/1.1\r\nHost: other.example\r\n\r\n")
		r := c.response()
		if got := r.all(); got != "https on other.example" {
			t.Errorf("got %q", got)
		}
		if got := c.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != "http/1.1" {
			t.Errorf("got protocol %q", got)
		}
	})
	t.Run("shutdown", func(t *testing.T) {
		ws, ev := s.open(t, "GET /ws/end", upgrade("13")...), s.open(t, "GET /ev/end")
		ws.response()
		r := ev.response()
		s.listeners(t, "end", 2)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if got := ws.take(2); got != "\x88\x00" {
			t.Errorf("got %q", got)
		}
		if got := r.all(); !strings.Contains(got, "retry: ") {
			t.Errorf("got %q", got)
		}
	})
}

// Over TLS too, one that takes nothing is dropped and harms nobody.
func TestStuckOverTLS(t *testing.T) {
	t.Parallel()
	s := secured(t, func(l *site.Location) { l.SendTimeout = time.Second })
	text := strings.Repeat("x", 512<<10)
	for _, tr := range []transport{sse, websocket} {
		channel := "stuck." + tr.name
		stuck := s.dial(t)
		if err := stuck.Conn.(*tls.Conn).HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		narrow(t, stuck)
		var headers []string
		if tr.websocket {
			headers = upgrade("13")
		}
		stuck.request("GET "+tr.path+channel, "", headers...)
		stuck.response()
		quick := s.subscribe(t, tr, channel, "")
		s.listeners(t, channel, 2)
		const messages = 20
		for range messages {
			s.say(channel, text)
			if e := quick.next(); len(e.Text) != len(text) {
				t.Fatalf("%s: got %d bytes", tr.name, len(e.Text))
			}
		}
		s.listeners(t, channel, 1)
		stuck.deadline(patience)
		if _, err := io.Copy(io.Discard, bufio.NewReader(stuck.Conn.(*tls.Conn).NetConn())); isTimeout(err) {
			t.Error("the stuck one is not closed")
		}
		quick.end()
		s.listeners(t, channel, 0)
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "relay") //nolint:usetesting // a path of at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "relay.sock")
	stale, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close() // as after a kill: the file stays

	listen := []site.Listen{{Unix: path}}
	st := site.Site{Servers: []site.Server{{Listen: listen}}}
	s := newServer(t, nil, func(o *setup) {
		o.site.Servers = []site.Server{{Listen: listen, Connection: site.DefaultConnection(), Locations: append(site.Builtin(),
			at(site.ModePoll, "/var/", func(l *site.Location) { l.Channels = site.ValueOf("a$server_port$remote_port") }))}}
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	if _, err := web.Listen(t.Context(), &st); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), path) {
		t.Errorf("a socket in use: got %v", err)
	}
	eachTransport(t, s, func(t *testing.T, tr transport) {
		c := s.subscribe(t, tr, "unix", "")
		if !tr.polls {
			s.listeners(t, "unix", 1)
		}
		s.say("unix", "hello")
		c.wants("hello")
		c.end()
	})
	s.say("a", "m")
	if r := s.get(t, "GET /var/x", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"); r.body != "m" {
		t.Errorf("got %s %q", r.status, r.body)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file stays: %v", err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := web.Listen(t.Context(), &st); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file that is no socket: got %v", err)
	}
}

// freePort is a port that nobody has now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// says is a server that answers every request with a text.
func says(text string, listen ...site.Listen) site.Server {
	l := site.NewLocation(site.ModeNone, site.MatchPrefix, "/", true)
	l.Steps = []site.Step{{Return: &site.Return{Code: 200, Text: site.ValueOf(text)}}}
	return site.Server{Listen: listen, Connection: site.DefaultConnection(), Locations: []site.Location{l}}
}

// An address stands beside the one for every interface, as in nginx: one socket
// takes the connections of both.
func TestAddressBesideAny(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	s := newServer(t, nil, func(o *setup) {
		o.site.Servers = []site.Server{
			says("any", site.Listen{Address: "0.0.0.0:" + port}),
			says("one", site.Listen{Address: "127.0.0.1:" + port}),
		}
	})
	for addr, want := range map[string]string{"127.0.0.1:" + port: "one", "127.0.0.2:" + port: "any"} {
		s.addr = addr
		if r := s.get(t, "GET /"); r.body != want {
			t.Errorf("%s: got %q, want %q", addr, r.body, want)
		}
	}
}

// Another site while serving: who is connected stays, addresses come and go, and
// what is wrong changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	first, second := freePort(t), freePort(t)
	one := site.Listen{Address: "127.0.0.1:" + first}
	server := func(template string, listen ...site.Listen) site.Server {
		ev := at(site.ModeEventSource, "/ev/", func(l *site.Location) { l.Template = template })
		same := at(site.ModeStream, "/same/", func(l *site.Location) { l.Origin = template }) // the place in the file may change
		return site.Server{Listen: listen, Connection: site.DefaultConnection(), Locations: []site.Location{ev, same}}
	}
	s := newServer(t, nil, func(o *setup) {
		o.site.Servers = []site.Server{server("old ~text~", one), says("keep", site.Listen{Address: "127.0.0.1:0"})}
	})
	s.addr = one.Address
	reload := func(servers ...site.Server) error {
		st := site.New()
		st.Servers = servers
		return s.web.Reload(t.Context(), st, nil)
	}
	old := s.open(t, "GET /ev/a")
	oldBody := old.response()
	same := s.open(t, "GET /same/a")
	sameBody := same.response()
	kept := s.open(t, "GET /nowhere")
	kept.response().all()
	s.listeners(t, "a", 2)

	two := site.Listen{Address: "127.0.0.1:" + second}
	if err := reload(server("new ~text~", two)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.tryDial(t); err == nil {
		t.Error("the old address is still open")
	}
	s.addr = two.Address
	fresh := s.open(t, "GET /ev/a")
	freshBody := fresh.response()
	s.listeners(t, "a", 3)
	s.say("a", "m")
	for name, c := range map[string]struct {
		r    *response
		want string
	}{"old": {oldBody, ": \ndata: old m\n\n"}, "same": {sameBody, "m"}, "fresh": {freshBody, ": \ndata: new m\n\n"}} {
		if got := c.r.until(name, func(body string) bool { return len(body) >= len(c.want) }); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	kept.request("GET /pub", "") // its address is gone
	r := kept.response()
	if r.all(); r.status != "404 Not Found" {
		t.Errorf("got %s", r.status)
	}
	kept.closed()

	// Refused: a bad pattern, an address that is taken.
	bad := server("bad", two)
	bad.Locations = append(bad.Locations, site.Location{Match: site.MatchRegex, Pattern: "(", Origin: "x.conf:7"})
	if err := reload(bad); err == nil || !strings.Contains(err.Error(), "x.conf:7") {
		t.Errorf("got %v", err)
	}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := reload(server("bad", site.Listen{Address: taken.Addr().String()})); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
	if r := s.get(t, "GET /ev/a.b1", "X-Nginx-PushStream-Mode: polling"); !strings.Contains(r.body, "data: new m") {
		t.Errorf("after a refused reload: got %s %q", r.status, r.body)
	}
	// From one interface to all and back.
	for _, address := range []string{"0.0.0.0:" + second, two.Address} {
		if err := reload(server("all ~text~", site.Listen{Address: address})); err != nil {
			t.Fatal(err)
		}
		if r := s.get(t, "GET /ev/a.b1", "X-Nginx-PushStream-Mode: polling"); !strings.Contains(r.body, "data: all m") {
			t.Errorf("%s: got %s %q", address, r.status, r.body)
		}
	}
	if n := len(s.web.Sockets()); n != 1 {
		t.Errorf("got %d sockets", n)
	}
}
