package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

const dirVariable = "EMBEDDED_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirVariable); dir != "" { // the second process of a test
		s, err := Start(context.Background(), Options{Dir: dir})
		if err == nil {
			err = s.Stop()
		}
		fmt.Println(err)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m,
		// The server ends these a moment after WaitForShutdown.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs"))
}

func start1(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *Server) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func makeStream(t *testing.T, js jetstream.JetStream) jetstream.Stream {
	t.Helper()
	stream, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestMessagesSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	s := start1(t, Options{Dir: dir})
	js := connect(t, s)
	makeStream(t, js)
	for range 100 {
		if _, err := js.Publish(t.Context(), "s.a", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if s.ClientURL() != "" {
		t.Errorf("got a client URL %q without a listener", s.ClientURL())
	}
	js.Conn().Close()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal("stopping twice:", err)
	}

	s = start1(t, Options{Dir: dir, SyncAlways: true})
	info, err := makeStream(t, connect(t, s)).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != 100 {
		t.Errorf("got %d messages after the restart, want 100", info.State.Msgs)
	}
}

func TestSecondProcessOnTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s := start1(t, Options{Dir: dir})

	if _, err := Start(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("in the same process: got %v, want %v", err, ErrLocked)
	}
	other := func() string {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), dirVariable+"="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatal(err, string(out))
		}
		return strings.TrimSpace(string(out))
	}
	got := other()
	for _, want := range []string{dir, fmt.Sprint("process ", os.Getpid()), "stop that process"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want it to say %q", got, want)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := other(); got != "<nil>" {
		t.Errorf("after the first has stopped: got %q, want no error", got)
	}
}

func TestListenerAddressTaken(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()

	t.Run("required", func(t *testing.T) {
		_, err := Start(t.Context(), Options{Dir: t.TempDir(), Listen: addr, ListenRequired: true})
		if err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("got %v, want an error that names %s", err, addr)
		}
	})
	t.Run("not required", func(t *testing.T) {
		var lines logLines
		s := start1(t, Options{Dir: t.TempDir(), Listen: addr, Log: lines.logger()})
		if s.ClientURL() != "" {
			t.Errorf("got client URL %q, want none", s.ClientURL())
		}
		if !strings.Contains(lines.String(), "nats command line") {
			t.Errorf("got log %q, want a warning", lines.String())
		}
		makeStream(t, connect(t, s))
	})
	t.Run("the server finds out itself", func(t *testing.T) {
		_, err := start(t.Context(), Options{Dir: t.TempDir(), Listen: addr, MaxStoreBytes: 1 << 30, MaxMemoryBytes: 1 << 20}, slog.New(slog.DiscardHandler))
		if listen := (*listenError)(nil); !errors.As(err, &listen) {
			t.Errorf("got %v, want a listenError", err)
		}
	})
}

func TestListener(t *testing.T) {
	s := start1(t, Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", ListenRequired: true})
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
}

func TestUnreadableStoreStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	s := start1(t, Options{Dir: dir})
	js := connect(t, s)
	makeStream(t, js)
	if _, err := js.Publish(t.Context(), "s.a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	js.Conn().Close()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	damage := func(t *testing.T, name string) {
		t.Helper()
		if err := os.WriteFile(name, []byte("not what it was"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(t *testing.T, dir string) {
		t.Helper()
		s, err := Start(t.Context(), Options{Dir: dir})
		if err == nil {
			t.Fatal("got no error, and stopped with ", s.Stop())
		}
		for _, want := range []string{dir, "backup"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want it to say %q", err, want)
			}
		}
	}
	t.Run("a stream's metadata is damaged", func(t *testing.T) {
		damage(t, filepath.Join(dir, "jetstream", "$G", "streams", "S", "meta.inf"))
		refused(t, dir)
	})
	t.Run("a file is in the way", func(t *testing.T) {
		dir := t.TempDir()
		damage(t, filepath.Join(dir, "jetstream"))
		refused(t, dir)
	})
}

// A limit below what streams reserve keeps nobody from making them smaller, and
// counts from the next start on.
func TestLowerLimitThanReserved(t *testing.T) {
	dir := t.TempDir()
	stream := func(s *Server, name string, size int64) error {
		_, err := connect(t, s).CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, MaxBytes: size})
		return err
	}
	s := start1(t, Options{Dir: dir})
	if err := stream(s, "S", 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	low := Options{Dir: dir, MaxStoreBytes: 300 << 20}
	s = start1(t, low)
	if err := stream(s, "S", 32<<20); err != nil {
		t.Errorf("make it smaller: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = start1(t, low)
	if err := stream(s, "T", 290<<20); err == nil {
		t.Error("there is no limit any more")
	}
	if err := stream(s, "T", 200<<20); err != nil {
		t.Errorf("within the limit: %v", err)
	}
}

// logLines collects a log.
type logLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logLines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timeout: ", what)
		}
	}
}
