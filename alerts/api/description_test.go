package api_test

import (
	"net/http"
	"strings"
	"testing"

	"alertrelay/alerts/api"
)

// TestDescription: every path and method of the description is served, and the
// other way round.
func TestDescription(t *testing.T) {
	r := start(t)
	a := r.do(http.MethodGet, "/api/v1/openapi.yaml")
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/yaml" || !strings.HasPrefix(string(a.body), "openapi: 3.1.0") {
		t.Fatalf("got %d %.80s", a.StatusCode, a.body)
	}
	if ok, errs := checker().ValidateDocument(); !ok {
		for _, e := range errs {
			t.Errorf("%s: %s", e.Message, e.Reason)
			for _, s := range e.SchemaValidationErrors {
				t.Errorf("  %s at %s", s.Reason, s.FieldPath)
			}
		}
	}
	model, err := described().BuildV3Model()
	must(t, err)
	routes := map[string]bool{}
	for _, route := range api.Routes() {
		routes[route] = true
	}
	params := strings.NewReplacer("{id}", "am-0123456789abcdef", "{source}", "am")
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().FromOldest() {
			method = strings.ToUpper(method)
			if !routes[method+" "+path] {
				t.Errorf("%s %s is described and not in the table", method, path)
			}
			delete(routes, method+" "+path)
			a := r.do(method, params.Replace(path), body(`{}`))
			if a.StatusCode == http.StatusMethodNotAllowed || strings.Contains(string(a.body), "nothing at this path") {
				t.Errorf("%s %s: got %d %s", method, path, a.StatusCode, a.body)
			}
		}
	}
	for route := range routes {
		t.Errorf("%s is served and not described", route)
	}
}
