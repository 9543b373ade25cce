package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts/api"
	"alertrelay/relay"
)

type event struct {
	Time        time.Time
	Tag         uint64
	Channel, ID string
	Event       string
	Status      string
	Labels      map[string]string
}

// history are events, asked for as NDJSON.
func (r *rig) history(query string) []event {
	r.t.Helper()
	a := r.do(http.MethodGet, "/api/v1/history"+query)
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/x-ndjson" {
		r.t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	var events []event
	for d := json.NewDecoder(bytes.NewReader(a.body)); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return events
		} else if err != nil {
			r.t.Fatal(err)
		}
		events = append(events, e)
	}
}

func kinds(events []event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Event)
	}
	return strings.Join(all, " ")
}

func TestHistory(t *testing.T) {
	r := start(t)
	disk, net := firing("DiskFull"), firing("NetDown", "team", "web", "severity", "warning")
	r.record(disk)
	r.record(net)
	// What is no alert's event is none.
	for _, channel := range []string{"ops", "db.critical.X.am-0123456789abcdef"} {
		_, err := r.Stream.Publish(t.Context(), relay.Publication{Channel: channel, Text: []byte("hello")})
		must(t, err)
	}
	r.record(resolved(disk))
	all := r.history("")
	if got := kinds(all); got != "firing firing resolved" || all[0].Tag >= all[1].Tag || all[1].Tag >= all[2].Tag {
		t.Fatalf("got %+v", all)
	}
	if all[0].Channel != "db.critical.DiskFull."+disk.ID() || all[0].ID != disk.ID() || all[0].Labels["team"] != "db" || time.Since(all[0].Time) > time.Minute {
		t.Errorf("got %+v", all[0])
	}
	second := fmt.Sprint(all[1].Tag)
	for query, want := range map[string]string{
		"?channel=db.>": "firing resolved",
		"?channel=" + net.Labels["team"] + ".>&channel=db.>": "firing firing resolved",
		"?channel=db.critical.DiskFull." + disk.ID():         "firing resolved",
		"?channel=ops": "",
		"?match=" + url.QueryEscape(`severity="warning"`): "firing",
		"?match=" + url.QueryEscape(`status="resolved"`):  "resolved",
		"?id=" + net.ID():  "firing",
		"?after=" + second: "resolved",
		"?limit=2":         "firing firing",
		"?limit=3":         "firing firing resolved",
		"?since=1h":        "firing firing resolved",
		"?since=0s":        "",
		"?since=1w1d1h":    "firing firing resolved",
		"?until=1h":        "",
		fmt.Sprintf("?since=%d", time.Now().Add(time.Hour).Unix()):                               "",
		fmt.Sprintf("?since=%d", time.Now().Add(-time.Hour).Unix()):                              "firing firing resolved",
		"?since=" + url.QueryEscape(all[2].Time.Format(time.RFC3339Nano)):                        "resolved",
		"?since=1h&until=" + url.QueryEscape(all[2].Time.Format(time.RFC3339Nano)):               "firing firing",
		"?since=" + all[0].Time.In(time.FixedZone("", 3600)).Format("2006-01-02T15:04:05Z07:00"): "firing firing resolved", // "+" not escaped
	} {
		if got := kinds(r.history(query)); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if a := r.do(http.MethodGet, "/api/v1/history?limit=2"); a.Trailer.Get("Alertrelay-More-After") != second {
		t.Errorf("got %v, want %s", a.Trailer, second)
	}
	if a := r.do(http.MethodGet, "/api/v1/history?limit=3"); a.Trailer.Get("Alertrelay-More-After") != "" {
		t.Errorf("got %v", a.Trailer)
	}
	var doc struct {
		Events []event
		More   bool
		After  uint64
	}
	a := r.get("/api/v1/history?limit=2&pretty", &doc, header("Accept", "text/html;q=0.1, application/json"))
	if len(doc.Events) != 2 || !doc.More || fmt.Sprint(doc.After) != second || !strings.Contains(string(a.body), "\n  \"") {
		t.Errorf("got %s", a.body)
	}
	doc.More = true
	r.get("/api/v1/history?format=json&channel=ops", &doc)
	if len(doc.Events) != 0 || doc.More {
		t.Errorf("got %+v", doc)
	}
	a = r.do(http.MethodGet, "/api/v1/history", header("Accept-Encoding", "br;q=1, gzip;q=0.5"))
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	must(t, err)
	text, err := io.ReadAll(z)
	must(t, err)
	if strings.Count(string(text), "\n") != 3 {
		t.Errorf("got %s", text)
	}
}

func TestHistoryAsCSV(t *testing.T) {
	r := start(t)
	evil := firing("=cmd|' /C calc'!A0", "note", "a,\"b\"\nc")
	evil.Annotations = map[string]string{"summary": "@SUM(1+1)*cmd"}
	r.record(evil)
	must(t, r.Acknowledge(t.Context(), evil.ID(), "+ada", "-1\tand more"))
	for _, a := range []answer{
		r.do(http.MethodGet, "/api/v1/history?format=csv"),
		r.do(http.MethodGet, "/api/v1/history", header("Accept", "text/csv")),
	} {
		if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv; charset=utf-8") {
			t.Errorf("got %s", got)
		}
		if got := a.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename=alertrelay-history-2`) {
			t.Errorf("got %s", got)
		}
		rows, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
		must(t, err)
		const columns = "time,tag,channel,id,source,fingerprint,event,status,severity,alertname,summary,reason,by,startsAt,endsAt,labels"
		if len(rows) != 3 || strings.Join(rows[0], ",") != columns {
			t.Fatalf("got %q", rows)
		}
		row := map[string]string{}
		for i, name := range rows[0] {
			row[name] = rows[2][i]
			if c := rows[2][i]; c != "" && strings.ContainsAny(c[:1], "=+-@") {
				t.Errorf("%s: %q is a formula", name, c)
			}
		}
		for name, want := range map[string]string{
			"alertname": "'" + evil.Labels["alertname"], "summary": "'@SUM(1+1)*cmd", "by": "'+ada", "reason": "'-1\tand more",
			"event": "acked", "status": "firing", "severity": "critical", "id": evil.ID(), "endsAt": "",
			"startsAt": evil.StartsAt.Format(time.RFC3339),
		} {
			if row[name] != want {
				t.Errorf("%s: got %q, want %q", name, row[name], want)
			}
		}
		var labels map[string]string
		if err := json.Unmarshal([]byte(row["labels"]), &labels); err != nil || labels["note"] != evil.Labels["note"] {
			t.Errorf("got %s (%v)", row["labels"], err)
		}
	}
	if a := r.do(http.MethodGet, "/api/v1/history?format=csv&channel=none"); strings.Count(string(a.body), "\n") != 1 {
		t.Errorf("got %q", a.body)
	}
}

// breaking is an archive that fails half way.
type breaking struct{ message relay.Message }

func (b breaking) History(_ context.Context, _ api.HistoryQuery, each func(relay.Message) error) error {
	for i := range 200 {
		m := b.message
		m.Seq = uint64(i + 1)
		if err := each(m); err != nil {
			return err
		}
	}
	return relay.ErrUnavailable
}

// TestHistoryThatBreaksOff: no client may take a part for the whole.
func TestHistoryThatBreaksOff(t *testing.T) {
	e := firing("DiskFull")
	text := fmt.Sprintf(`{"id":%q,"source":"am","fingerprint":%q,"event":"firing","status":"firing","labels":{"a":%q}}`, e.ID(), e.Fingerprint, strings.Repeat("a", 1000))
	m := relay.Message{Channel: "db.critical.DiskFull." + e.ID(), Time: time.Now(), Text: []byte(text), Stored: true}
	r := start(t, func(o *api.Options) { o.Archive = breaking{m} })
	for _, format := range []string{"ndjson", "csv", "json"} {
		for _, encoding := range []string{"", "gzip"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/history?format="+format, nil)
			must(t, err)
			req.Header.Set("Accept-Encoding", encoding)
			resp, err := http.DefaultClient.Do(req)
			must(t, err)
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			// Compressed it may all be in the buffer, and is then refused.
			if err == nil && resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s %s: got %d, %d bytes, and no error", format, encoding, resp.StatusCode, len(b))
			}
		}
	}
}
