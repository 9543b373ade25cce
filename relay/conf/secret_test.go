package conf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"alertrelay/relay/conf"
)

func TestSecretsAreNotShown(t *testing.T) {
	s := conf.NewSecret("geheim")
	hidden := struct {
		A conf.Secret
		b conf.Secret
		c []conf.Secret
		d *conf.Basic
	}{s, s, []conf.Secret{s}, &conf.Basic{User: "ada", Password: s}}
	var out bytes.Buffer
	for _, v := range []any{s, &s, []conf.Secret{s}, hidden, &hidden, conf.Source{Auth: conf.Auth{Bearer: []conf.Secret{s}}}, conf.Config{API: conf.API{Token: s}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Error(err)
		}
	}
	if got := strings.ToLower(out.String()); strings.Contains(got, "geheim") || strings.Contains(got, fmt.Sprintf("%x", "geheim")) {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprintf("%v %s %d %+v", s, s, s, conf.Secret{}); got != "(set) (set) (set) (none)" {
		t.Errorf("got %s", got)
	}
	if s.Reveal() != "geheim" || !s.IsSet() || conf.NewSecret("").IsSet() || (conf.Secret{}).Reveal() != "" {
		t.Errorf("got %q", s.Reveal())
	}
}
