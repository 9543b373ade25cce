package api

import (
	_ "embed"
	"net/http"
	"strconv"
)

//go:embed openapi.yaml
var openapi []byte

// description answers with what the API is.
func (a *api) description(w http.ResponseWriter, r *http.Request) error {
	if p := query(r); p.err != nil {
		return p.err
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Length", strconv.Itoa(len(openapi)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(openapi) // the client's trouble
	}
	return nil
}
