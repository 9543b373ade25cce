// Command bench measures alertrelay with the load generator and prints the table
// of the README. The server runs on one core and the generator on another, and
// each figure stands beside a reference that was measured in the same minutes:
// a loop of write(2) that does nothing else, or nats.go publishing to the same
// server. It talks to 127.0.0.1 only and ends what it starts.
//
//	go run ./ops/bench -loadgen ../shared/loadgen
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	loadgen := flag.String("loadgen", "../shared/loadgen", "directory of the load generator's source")
	only := flag.String("only", "", "run only the rows whose name contains this")
	passes := flag.Int("passes", 1, "run each row so many times and print each")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *loadgen, *only, *passes); err != nil {
		log.Print("bench: ", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, loadgen, only string, passes int) error {
	dir, err := os.MkdirTemp("", "alertrelay-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, loadgen: filepath.Join(dir, "loadgen"), relay: filepath.Join(dir, "alertrelay")}
	if err := build(ctx, loadgen, b.loadgen, "."); err != nil {
		return err
	}
	if err := build(ctx, ".", b.relay, "."); err != nil {
		return err
	}
	fmt.Println("| what | measured | reference in the same minutes | target |")
	fmt.Println("| --- | --- | --- | --- |")
	for _, r := range rows {
		if !strings.Contains(r.name, only) {
			continue
		}
		for range passes {
			measured, reference, err := r.measure(ctx, b)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Printf("| %s | %s | %s | %s |\n", r.name, measured, reference, r.target)
		}
	}
	return nil
}

// build makes a static binary of the program in dir.
func build(ctx context.Context, dir, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build in %s: %w", dir, err)
	}
	return nil
}

// bench is where the programs are.
type bench struct {
	dir, loadgen, relay string
	runs                int
}

const (
	serverCPU    = "0"
	generatorCPU = "1"
)

// server is a running alertrelay.
type server struct {
	cmd        *exec.Cmd
	base, nats string
}

// start runs the relay on one core with a fresh store and waits until it is ready.
func (b *bench) start(ctx context.Context, config string) (*server, error) {
	b.runs++
	data := filepath.Join(b.dir, fmt.Sprint("data", b.runs))
	s := &server{base: "http://127.0.0.1:18080", nats: "127.0.0.1:14222"}
	args := []string{
		"-c", serverCPU, b.relay, "serve", "--data", data, "--log-level", "warn",
		"--listen", strings.TrimPrefix(s.base, "http://"), "--nats-listen", s.nats,
	}
	if config != "" {
		file := filepath.Join(b.dir, fmt.Sprint("config", b.runs, ".yaml"))
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--config", file)
	}
	s.cmd = exec.CommandContext(ctx, "taskset", args...)
	s.cmd.Stderr = os.Stderr
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/-/ready", nil)
		if err != nil {
			return nil, err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("not ready after 10 s: %w", s.stop())
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := s.cmd.Wait()
	time.Sleep(time.Second) // let the sockets go
	return err
}

// report is what is used of the load generator's answer.
type report struct {
	Lost          int64   `json:"lost"`
	Duplicated    int64   `json:"duplicated"`
	OutOfOrder    int64   `json:"out_of_order"`
	Delivered     int64   `json:"delivered"`
	PublishErrors int64   `json:"publish_errors"`
	PublishPerSec float64 `json:"publish_per_s"`
	PerSec        float64 `json:"deliveries_per_s"`
	CPUPerMillion float64 `json:"server_cpu_s_per_million"`
	RSSPerConn    float64 `json:"rss_per_conn_kb"`
	GenBusy       float64 `json:"generator_busy"`
	Latency       struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
	} `json:"latency_us"`
}

// broken describes what must not be, empty if all is well.
func (r *report) broken() string {
	if r.Lost+r.Duplicated+r.OutOfOrder+r.PublishErrors == 0 {
		return ""
	}
	return fmt.Sprintf(" **lost %d, doubled %d, out of order %d, publish errors %d**", r.Lost, r.Duplicated, r.OutOfOrder, r.PublishErrors)
}

// generate runs the load generator; its exit status 1 means that something is
// broken, which the report tells.
func (b *bench) generate(ctx context.Context, args ...string) (*report, error) {
	cmd := exec.CommandContext(ctx, b.loadgen, append(args, "--json", "--cpu", generatorCPU)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var r report
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	found := false
	for lines.Scan() {
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			found = true
		}
	}
	err = cmd.Wait()
	if !found {
		return nil, fmt.Errorf("load generator said nothing: %w", err)
	}
	return &r, nil
}
