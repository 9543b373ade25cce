package web

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
)

// phrases are nginx's reason phrases, where net/http has others.
var phrases = map[int]string{
	http.StatusFound:              "Moved Temporarily",
	http.StatusMethodNotAllowed:   "Not Allowed",
	http.StatusRequestTimeout:     "Request Time-out",
	http.StatusRequestURITooLong:  "Request-URI Too Large",
	http.StatusServiceUnavailable: "Service Temporarily Unavailable",
	http.StatusGatewayTimeout:     "Gateway Time-out",
}

// asNginx rewrites the head of an answer of net/http, which cannot be told
// another: nginx says HTTP/1.1 to clients of HTTP/1.0 too, has phrases of its own,
// and an order of headers (protocol 3.1). What is before the answer proper, such as
// 100 Continue, stays as it is, and final is false.
func asNginx(head []byte, publisher bool) (answer []byte, final bool) {
	const version, line = "HTTP/1.1 ", "HTTP/1.1 200"
	end := bytes.IndexByte(head, '\r')
	if end < len(line) || !bytes.HasPrefix(head, []byte("HTTP/1.")) {
		return head, false
	}
	code, err := strconv.Atoi(string(head[len(version):len(line)]))
	if err != nil || code < http.StatusOK {
		return head, false
	}
	status := head[len(version):end]
	if phrase := phrases[code]; phrase != "" {
		status = []byte(strconv.Itoa(code) + " " + phrase)
	}
	answer = slices.Concat([]byte(version), status, head[end:])
	inOrder(answer[len(version)+len(status):], publisher)
	return answer, true
}

// order has the place of each header in an answer of the module. Those that are not
// here come before Allow.
var order = map[string]int{
	"Date": 1, "Content-Type": 2, "Content-Length": 3, "Last-Modified": 4, "Transfer-Encoding": 5, "Connection": 6,
	"Expires": 20, "Cache-Control": 21,
	"Access-Control-Allow-Origin": 30, "Access-Control-Allow-Methods": 31, "Access-Control-Allow-Headers": 32,
	"X-Nginx-PushStream-Tag": 40, "X-Nginx-PushStream-Commit": 41,
	"Allow": 50, "Etag": 51,
}

const (
	elsewhere = 42 // the place of other headers
	earlier   = 20 // that subscribers have Access-Control-*: before Expires
)

// inOrder sorts header lines, each after a line end, in place.
func inOrder(lines []byte, publisher bool) {
	const lineEnd = "\r\n"
	end := bytes.Index(lines, []byte(lineEnd+lineEnd))
	if end < len(lineEnd) {
		return
	}
	lines = lines[len(lineEnd):end]
	place := func(line []byte) int {
		name, _, _ := bytes.Cut(line, []byte(": "))
		at, known := order[string(name)]
		switch {
		case !known:
			return elsewhere
		case !publisher && bytes.HasPrefix(name, []byte("Access-Control-")):
			return at - earlier
		}
		return at
	}
	sorted := bytes.Split(bytes.Clone(lines), []byte(lineEnd))
	slices.SortStableFunc(sorted, func(x, y []byte) int { return cmp.Compare(place(x), place(y)) })
	copy(lines, bytes.Join(sorted, []byte(lineEnd)))
}

// tooLargePage is nginx's answer to a body that is too large, of the release that
// the transcripts are from.
const tooLargePage = "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n" +
	"<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"

// tooLarge answers a body that is over client_max_body_size, as nginx does itself
// and not the module.
func tooLarge(w http.ResponseWriter) {
	h := w.Header()
	h["Connection"] = []string{"close"}
	h["Content-Type"] = []string{"text/html"}
	h["Content-Length"] = []string{strconv.Itoa(len(tooLargePage))}
	w.WriteHeader(http.StatusRequestEntityTooLarge)
	_, _ = w.Write([]byte(tooLargePage)) // the client's trouble
}
